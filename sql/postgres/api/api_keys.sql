-- API keys
-- Question: Which keys were made?
-- Grain:    one row per key, the oldest first; holds says whether it can still be used
SELECT
    key_id,
    name,
    scopes,
    created_at,
    expires_at,
    revoked_at,
    revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS holds
FROM serving.api_keys
ORDER BY created_at, key_id;
