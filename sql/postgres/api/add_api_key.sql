-- Add an API key
-- Question: Who may call the API from now on?
-- Grain:    one row
INSERT INTO serving.api_keys (key_id, name, hash, scopes, expires_at)
VALUES (%(key_id)s, %(name)s, %(hash)s, %(scopes)s, %(expires_at)s);
