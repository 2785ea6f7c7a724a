-- Impact facts
-- Question:  What is known of a market around a time?
-- Grain:     one row per impact bar, and per baseline
-- Key:       none
-- Watermark: that of trades_timed
-- Why:       both in one, so that news is joined once
CREATE TEMPORARY VIEW impact_facts AS
SELECT
    bar_time AS fact_time,
    source,
    symbol,
    pair,
    bar_start,
    volume,
    trade_count,
    last_tick,
    previous_tick,
    square,
    pause,
    CAST(NULL AS TIMESTAMP(3)) AS baseline_end,
    CAST(NULL AS BIGINT) AS return_count,
    CAST(NULL AS DECIMAL(38, 15)) AS return_sum,
    CAST(NULL AS DECIMAL(38, 20)) AS return_square_sum
FROM impact_bars
UNION ALL
SELECT
    baseline_time AS fact_time,
    source,
    symbol,
    pair,
    CAST(NULL AS TIMESTAMP(3)) AS bar_start,
    CAST(NULL AS DECIMAL(38, 12)) AS volume,
    CAST(NULL AS BIGINT) AS trade_count,
    CAST(NULL AS STRING) AS last_tick,
    CAST(NULL AS STRING) AS previous_tick,
    CAST(NULL AS DECIMAL(28, 20)) AS square,
    CAST(NULL AS BIGINT) AS pause,
    baseline_end,
    return_count,
    return_sum,
    return_square_sum
FROM baselines;
