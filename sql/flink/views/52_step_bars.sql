-- Step bars
-- Question:  What happened in each ${ALERT_STEP} of a market, and was there a spike in it?
-- Grain:     one row per venue, pair and step with a trade in it
-- Key:       (source, pair, bar_time)
-- Watermark: that of trades
-- Mode:      streaming only: it builds on what looks back over event time
CREATE TEMPORARY VIEW step_bars AS
SELECT
    window_time AS bar_time,
    window_start AS bar_start,
    source,
    symbol,
    pair,
    CAST(SUBSTRING(MAX(last_tick) FROM 79) AS DOUBLE) AS price,
    MIN(low) AS low,
    MAX(high) AS high,
    SUM(volume) AS volume,
    MAX(ABS(direction)) AS spiking
FROM TABLE(TUMBLE(TABLE spike_moves, DESCRIPTOR(bar_time), ${ALERT_STEP}))
GROUP BY window_start, window_end, window_time, source, symbol, pair;
