-- Alerts to PostgreSQL
-- Question:  Which alerts were there?
-- Grain:     one row per alert
-- Key:       alert_id
-- Why:       the row of the beginning and that of the end go different ways and may come in any order; the table keeps
--            the end (sql/postgres/025_alert_end.sql)
-- Watermark: that of the alert's own input
-- Mode:      streaming only: it builds on what looks back over event time
INSERT INTO alert_data
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
    CAST(TO_TIMESTAMP_LTZ(event_time, 3) AS TIMESTAMP(3)),
    CAST(CURRENT_TIMESTAMP AS TIMESTAMP(3)),
    CAST(TO_TIMESTAMP_LTZ(ended_at, 3) AS TIMESTAMP(3))
FROM alert_events;
