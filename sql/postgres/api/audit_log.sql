-- Log of writes
-- Question: Who has changed what, and who was refused?
-- Grain:    one row per write, newest first; after (after_id) on the way back
SELECT
    logged_at AS timestamp,
    id,
    actor,
    address,
    action,
    status,
    request_id,
    detail
FROM serving.audit_log
WHERE id < %(after_id)s
ORDER BY id DESC
LIMIT %(rows)s;
