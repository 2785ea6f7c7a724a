-- Price changes
-- Question:  Which ticker is more than ${PRICE_CHANGE_PCT} % away from the one before it?
-- Grain:     one row per such ticker bar
-- Key:       (source, pair, event_time)
-- Watermark: that of tickers
CREATE TEMPORARY VIEW price_changes AS
SELECT *
FROM (
    SELECT
        source,
        symbol,
        pair,
        event_time,
        `last`,
        -- More than 10^9 % is not told apart: it could overflow.
        LEAST(100 * (`last` / LAG(`last`) OVER (PARTITION BY source, symbol, pair ORDER BY bar_time) - 1), 1E9)
            AS change_pct
    FROM ticker_bars
)
WHERE ABS(change_pct) > ${PRICE_CHANGE_PCT};
