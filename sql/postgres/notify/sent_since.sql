-- Messages sent
-- Question: How many messages has a channel had of late?
-- Grain:    one row
SELECT count(DISTINCT message_id) AS messages
FROM serving.notifications
WHERE channel = %(channel)s AND sent_at > now() - %(period)s::interval;
