-- Note a write
-- Question: Who has changed something, or was refused?
-- Grain:    one row, which nobody can change afterwards
INSERT INTO serving.audit_log (actor, address, action, status, request_id, detail)
VALUES (%(actor)s, %(address)s, %(action)s, %(status)s, %(request_id)s, %(detail)s::jsonb);
