-- Impact bars
-- Question:  What happened in each ${IMPACT_BAR} of a market, and since the trade before it?
-- Grain:     one row per venue, pair and bar with a trade in it
-- Key:       (source, pair, bar_time)
-- Watermark: that of trades_timed
-- Formula:   log_return = ln(last price / last price of the bar before that had a trade), in decimals, so that sums do not
--            depend on their order; the logarithms apart, because a quotient could overflow. pause = time between the
--            last trades of the two, in milliseconds. A tick is that of bars
CREATE TEMPORARY VIEW impact_bars AS
SELECT
    bar_time,
    source,
    symbol,
    pair,
    volume,
    last_tick,
    previous_tick,
    CAST(
        LN(CAST(SUBSTRING(last_tick FROM 79) AS DOUBLE)) - LN(CAST(SUBSTRING(previous_tick FROM 79) AS DOUBLE))
        AS DECIMAL(21, 15)
    ) AS log_return,
    CAST(SUBSTRING(last_tick FROM 1 FOR 13) AS BIGINT) - CAST(SUBSTRING(previous_tick FROM 1 FOR 13) AS BIGINT) AS pause
FROM (
    SELECT
        *,
        LAG(last_tick) OVER (PARTITION BY source, symbol, pair ORDER BY bar_time) AS previous_tick
    FROM (
        SELECT
            window_time AS bar_time,
            source,
            symbol,
            pair,
            SUM(volume) AS volume,
            MAX(last_tick) AS last_tick
        FROM TABLE(TUMBLE(TABLE bars, DESCRIPTOR(bar_time), ${IMPACT_BAR}))
        GROUP BY window_start, window_end, window_time, source, symbol, pair
    )
);
