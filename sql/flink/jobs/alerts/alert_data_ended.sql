-- Alerts to PostgreSQL, as they end
-- Question:  When were alerts over, and how far did it go?
-- Grain:     one row per alert that is over
-- Key:       alert_id
-- Watermark: that of the alert's own input
-- Mode:      streaming only: it builds on what looks back over event time
-- Why:       as for alert_data_begun
INSERT INTO alert_data
SELECT *
FROM alert_rows
WHERE ended_at IS NOT NULL;
