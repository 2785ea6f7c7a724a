-- Begin to send
-- Question: Which of these notifications are ours to send, now?
-- Grain:    one row per rule and alert; nobody else gets them any more
UPDATE serving.notifications SET
    state = 'sending',
    message_id = %(message_id)s,
    attempts = attempts + 1
WHERE
    channel = %(channel)s
    AND state = 'waiting'
    AND (rule, alert_id) IN (
        SELECT
            wanted.rule,
            wanted.alert_id
        FROM unnest(%(rules)s::text [], %(alert_ids)s::text []) AS wanted (rule, alert_id)
    )
RETURNING rule, alert_id;
