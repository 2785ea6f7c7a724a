-- Note a notification
-- Question: What is to be sent?
-- Grain:    one row, unless this rule has brought this alert to this channel before
INSERT INTO serving.notifications (rule, channel, alert_id, alert, is_urgent)
VALUES (%(rule)s, %(channel)s, %(alert_id)s, %(alert)s::jsonb, %(is_urgent)s)
ON CONFLICT (rule, channel, alert_id) DO NOTHING;
