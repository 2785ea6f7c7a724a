-- Revoke an API key
-- Question: Who may not call the API any more?
-- Grain:    one row where there was such a key that was not revoked
UPDATE serving.api_keys SET revoked_at = now()
WHERE key_id = %(key_id)s AND revoked_at IS NULL
RETURNING name;
