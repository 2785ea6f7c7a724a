-- Notifications by state
-- Question: How many wait, how many arrived, and how many did not?
-- Grain:    one row per channel and state, of all that are kept (storage.retention)
SELECT
    channel,
    state,
    count(*) AS notifications
FROM serving.notifications
GROUP BY channel, state;
