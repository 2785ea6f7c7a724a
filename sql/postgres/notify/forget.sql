-- Old notifications
-- Question: What was noted so long ago that its alert cannot come again?
-- Grain:    one row per notification
DELETE FROM serving.notifications
WHERE noted_at < now() - %(age)s::interval;
