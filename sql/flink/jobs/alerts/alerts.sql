-- Alerts to Kafka
-- Question:  What is worth a look, right now?
-- Grain:     one row per alert, and of what lasts one more when it is over; exactly once for read_committed readers
-- Key:       symbol on the topic; alert_id says whether two are the same
-- Watermark: that of the alert's own input
-- Mode:      streaming only: it builds on what looks back over event time, and nothing is announced twice
INSERT INTO alerts
SELECT
    alert_id,
    symbol,
    pair,
    alert_type,
    price,
    change_pct,
    threshold,
    severity,
    detail,
    event_time,
    TIMESTAMPDIFF(SECOND, TO_TIMESTAMP_LTZ(0, 3), CURRENT_TIMESTAMP) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM CURRENT_TIMESTAMP),
    ended_at
FROM alert_events;
