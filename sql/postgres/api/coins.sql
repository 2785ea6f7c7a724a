-- Coins that were seen of late
-- Question: Which coins do the aggregators price, and what are they called?
-- Grain:    one row per symbol: its newest price's coin
WITH RECURSIVE symbols (symbol) AS (
    (
        SELECT symbol
        FROM price_data
        WHERE event_time >= %(since)s
        ORDER BY symbol
        LIMIT 1
    )
    UNION ALL
    SELECT
        (
            SELECT price_data.symbol
            FROM price_data
            WHERE price_data.event_time >= %(since)s AND price_data.symbol > symbols.symbol
            ORDER BY price_data.symbol
            LIMIT 1
        ) AS symbol
    FROM symbols
    WHERE symbols.symbol IS NOT NULL
)

SELECT
    newest.symbol,
    newest.name,
    newest.crypto_id,
    newest.event_time AS newest
FROM symbols
CROSS JOIN LATERAL (
    SELECT
        price_data.symbol,
        price_data.name,
        price_data.crypto_id,
        price_data.event_time
    FROM price_data
    WHERE price_data.symbol = symbols.symbol AND price_data.event_time >= %(since)s
    ORDER BY price_data.event_time DESC, price_data.source DESC, price_data.crypto_id DESC
    LIMIT 1
) AS newest;
