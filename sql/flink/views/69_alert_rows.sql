-- Alert rows
-- Question:  What does PostgreSQL keep of an alert?
-- Grain:     one row per alert, and of what lasts one more when it is over, ended_at not null
-- Key:       (alert_id, ended_at)
-- Watermark: that of the alert's own input
-- Mode:      streaming only: it builds on what looks back over event time
CREATE TEMPORARY VIEW alert_rows AS
SELECT
    alert_id,
    alert_type,
    symbol,
    pair,
    price,
    change_pct,
    threshold,
    severity,
    detail,
    CAST(TO_TIMESTAMP_LTZ(event_time, 3) AS TIMESTAMP(3)) AS event_time,
    CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)) AS detected_at,
    CAST(TO_TIMESTAMP_LTZ(ended_at, 3) AS TIMESTAMP(3)) AS ended_at
FROM alert_events;
