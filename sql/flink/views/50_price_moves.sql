-- Price moves
-- Question:  How far has a price moved against the lowest and the highest of the last ${SPIKE_LOOKBACK}?
-- Grain:     one row per bar
-- Key:       (source, pair, bar_time)
-- Watermark: that of trades
-- Mode:      streaming only: it looks back over event time
-- Formula:   up = close / lowest low - 1, down = close / highest high - 1, in percent; size is the larger one, with its
--            sign. More than 10^9 % is not told apart: it could overflow
CREATE TEMPORARY VIEW price_moves AS
SELECT
    'spike' AS kind,
    bar_time,
    bar_start,
    source,
    symbol,
    pair,
    low,
    high,
    volume,
    last_tick,
    price,
    TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', bar_start) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM bar_start) AS event_time,
    CASE WHEN up_pct >= -down_pct THEN up_pct ELSE down_pct END AS size,
    CAST(${SPIKE_PCT} AS DOUBLE) AS usual_threshold,
    PROCTIME() AS judged_at
FROM (
    SELECT
        bar_time,
        bar_start,
        source,
        symbol,
        pair,
        low,
        high,
        volume,
        last_tick,
        price,
        LEAST(100 * (price / MIN(low) OVER recent - 1), 1E9) AS up_pct,
        100 * (price / MAX(high) OVER recent - 1) AS down_pct
    FROM (
        SELECT
            *,
            CAST(SUBSTRING(last_tick FROM 79) AS DOUBLE) AS price
        FROM bars
    )
    WINDOW recent AS (
        PARTITION BY source, symbol, pair
        ORDER BY bar_time
        RANGE BETWEEN ${SPIKE_LOOKBACK} PRECEDING AND CURRENT ROW
    )
);
