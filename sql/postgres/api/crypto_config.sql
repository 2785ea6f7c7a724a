-- Configured coins
-- Question: What was configured of which coins?
-- Grain:    one row per coin
SELECT
    symbol,
    name,
    is_active,
    created_at,
    updated_at
FROM serving.crypto_config
ORDER BY symbol;
