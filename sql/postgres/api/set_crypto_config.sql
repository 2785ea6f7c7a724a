-- Configure a coin
-- Question: What is a coin called, and is it shown?
-- Grain:    one row; is_new says whether it was configured for the first time
INSERT INTO serving.crypto_config (symbol, name, is_active)
VALUES (%(symbol)s, %(name)s, %(is_active)s)
ON CONFLICT (symbol) DO UPDATE SET name = excluded.name, is_active = excluded.is_active, updated_at = now()
RETURNING symbol, name, is_active, created_at, updated_at, (xmax = 0) AS is_new;
