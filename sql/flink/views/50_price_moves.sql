-- Price moves
-- Question:  How far has a price moved against the lowest and the highest of the last ${SPIKE_LOOKBACK}?
-- Grain:     one row per bar
-- Key:       (source, pair, bar_time)
-- Watermark: that of trades
-- Formula:   up = close / lowest low - 1, down = close / highest high - 1, in percent; the direction is that of the
--            larger one where it reaches ${SPIKE_PCT} %, else 0. More than 10^9 % is not told apart: it could overflow
CREATE TEMPORARY VIEW price_moves AS
SELECT
    bar_time,
    bar_start,
    source,
    symbol,
    pair,
    price,
    CASE
        WHEN up_pct >= ${SPIKE_PCT} AND up_pct >= -down_pct THEN 1
        WHEN -down_pct >= ${SPIKE_PCT} THEN -1
        ELSE 0
    END AS direction,
    GREATEST(up_pct, -down_pct) AS move_pct
FROM (
    SELECT
        bar_time,
        bar_start,
        source,
        symbol,
        pair,
        price,
        LEAST(100 * (price / MIN(low) OVER recent - 1), 1E9) AS up_pct,
        100 * (price / MAX(high) OVER recent - 1) AS down_pct
    FROM (
        SELECT
            bar_time,
            bar_start,
            source,
            symbol,
            pair,
            low,
            high,
            CAST(SUBSTRING(last_tick FROM 79) AS DOUBLE) AS price
        FROM bars
    )
    WINDOW recent AS (
        PARTITION BY source, symbol, pair
        ORDER BY bar_time
        RANGE BETWEEN ${SPIKE_LOOKBACK} PRECEDING AND CURRENT ROW
    )
);
