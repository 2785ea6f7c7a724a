-- Alerts to PostgreSQL, as they begin
-- Question:  Which alerts were there?
-- Grain:     one row per alert
-- Key:       alert_id
-- Watermark: that of the alert's own input
-- Mode:      streaming only: it builds on what looks back over event time
-- Why:       the row of the beginning and that of the end go different ways and may come in any order; the table keeps
--            the end (sql/postgres/025_alert_end.sql). A sink keeps the last of the rows of one key that it has
--            gathered, so one sink for both could keep the beginning, and the table would never see the end
INSERT INTO alert_data
SELECT *
FROM alert_rows
WHERE ended_at IS NULL;
