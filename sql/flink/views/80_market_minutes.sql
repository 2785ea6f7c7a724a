-- Market minutes
-- Question:  What was the last price of each minute, and how far from that of the minute before?
-- Grain:     one row per venue, pair and minute with a trade in it
-- Key:       (source, pair, minute_start)
-- Watermark: that of trades_timed
-- Formula:   log_return = ln(price / price of the minute before); null where that had no trade. In decimals, so that
--            sums of them do not depend on their order; the logarithms apart, because a quotient could overflow
CREATE TEMPORARY VIEW market_minutes AS
SELECT
    minute_start,
    minute_time,
    source,
    symbol,
    pair,
    price,
    CASE
        WHEN LAG(minute_start) OVER markets = minute_start - INTERVAL '1' MINUTE
            THEN CAST(LN(price) - LN(LAG(price) OVER markets) AS DECIMAL(21, 15))
    END AS log_return
FROM (
    SELECT
        window_start AS minute_start,
        window_time AS minute_time,
        source,
        symbol,
        pair,
        CAST(SUBSTRING(MAX(last_tick) FROM 79) AS DOUBLE) AS price
    FROM TABLE(TUMBLE(TABLE bars, DESCRIPTOR(bar_time), INTERVAL '1' MINUTE))
    GROUP BY window_start, window_end, window_time, source, symbol, pair
)
WINDOW markets AS (PARTITION BY source, symbol, pair ORDER BY minute_time);
