-- Ticker measures
-- Question:  How far is a ticker from the one before it?
-- Grain:     one row per ticker bar that has one before it
-- Key:       (kind, source, pair, bar_time)
-- Watermark: that of tickers
-- Mode:      streaming only: it builds on what looks back over event time
CREATE TEMPORARY VIEW ticker_measures AS
SELECT
    'price_change' AS kind,
    source,
    symbol,
    pair,
    bar_time,
    event_time,
    `last` AS price,
    -- More than 10^9 % is not told apart: it could overflow.
    LEAST(100 * (`last` / LAG(`last`) OVER (PARTITION BY source, symbol, pair ORDER BY bar_time) - 1), 1E9) AS size,
    CAST(${PRICE_CHANGE_PCT} AS DOUBLE) AS usual_threshold,
    PROCTIME() AS judged_at
FROM ticker_bars;
