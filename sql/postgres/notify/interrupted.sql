-- Interrupted notifications
-- Question: Which were being sent when whoever did so was ended?
-- Grain:    one row per notification; whether they arrived nobody knows, so that they are not sent again
UPDATE serving.notifications SET state = 'unknown'
WHERE state = 'sending'
RETURNING channel, alert_id;
