-- Impact facts
-- Question:  What is known of a market around a time?
-- Grain:     one row per impact bar (its last_tick is not null), and per baseline
-- Key:       none
-- Watermark: that of trades_timed
-- Why:       both in one, so that news is joined once
CREATE TEMPORARY VIEW impact_facts AS
SELECT
    bar_time AS fact_time,
    source,
    symbol,
    pair,
    volume,
    last_tick,
    previous_tick,
    CAST(log_return * log_return AS DECIMAL(28, 20)) AS square,
    pause,
    CAST(NULL AS BIGINT) AS return_count,
    CAST(NULL AS DECIMAL(38, 15)) AS return_sum,
    CAST(NULL AS DECIMAL(38, 20)) AS return_square_sum,
    CAST(NULL AS BIGINT) AS minute_count
FROM impact_bars
UNION ALL
SELECT
    baseline_time AS fact_time,
    source,
    symbol,
    pair,
    minutes_volume AS volume,
    CAST(NULL AS STRING) AS last_tick,
    CAST(NULL AS STRING) AS previous_tick,
    CAST(NULL AS DECIMAL(28, 20)) AS square,
    CAST(NULL AS BIGINT) AS pause,
    return_count,
    return_sum,
    return_square_sum,
    minute_count
FROM baselines;
