-- Step measures
-- Question:  What of a step may be worth an alert?
-- Grain:     one row per venue, pair, step and kind of alert
-- Key:       (kind, source, pair, bar_time)
-- Watermark: that of trades
-- Mode:      streaming only: it builds on what looks back over event time
CREATE TEMPORARY VIEW step_measures AS
SELECT
    'slow_spike' AS kind,
    source,
    symbol,
    pair,
    bar_time,
    event_time,
    price,
    slow_pct AS size,
    CAST(${SLOW_SPIKE_PCT} AS DOUBLE) AS usual_threshold,
    PROCTIME() AS judged_at
FROM step_moves
UNION ALL
SELECT
    'zscore' AS kind,
    source,
    symbol,
    pair,
    bar_time,
    event_time,
    price,
    z AS size,
    CAST(${ZSCORE_SIGMA} AS DOUBLE) AS usual_threshold,
    PROCTIME() AS judged_at
FROM step_moves
UNION ALL
SELECT
    'volume_surge' AS kind,
    source,
    symbol,
    pair,
    bar_time,
    event_time,
    price,
    volume_ratio AS size,
    CAST(${VOLUME_SURGE_RATIO} AS DOUBLE) AS usual_threshold,
    PROCTIME() AS judged_at
FROM step_moves;
