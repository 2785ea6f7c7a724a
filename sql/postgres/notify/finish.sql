-- End of sending
-- Question: How did it end?
-- Grain:    the rows of one message
UPDATE serving.notifications SET
    state = %(state)s,
    sent_at = CASE WHEN %(state)s = 'sent' THEN now() END
WHERE message_id = %(message_id)s AND state = 'sending';
