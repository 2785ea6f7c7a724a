-- Give up
-- Question: What was tried for too long?
-- Grain:    the rows of one message
UPDATE serving.notifications SET state = 'failed'
WHERE message_id = %(message_id)s AND state = 'waiting';
