-- API key
-- Question: What is the hash of a key that holds, and what may it do?
-- Grain:    one row, or none where there is no such key, or it was revoked or has expired
SELECT
    hash,
    scopes
FROM serving.api_keys
WHERE key_id = %(key_id)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());
