-- Waiting notifications
-- Question: What is still to be sent to a channel?
-- Grain:    one row per rule and alert, the oldest first
SELECT
    rule,
    alert_id,
    alert,
    is_urgent
FROM serving.notifications
WHERE channel = %(channel)s AND state = 'waiting'
ORDER BY noted_at, alert_id, rule
LIMIT %(rows)s;
