-- Pairs of late
-- Question: Which pairs have trades or tickers, and when was the newest?
-- Grain:    one row per kind (trade, ticker) and pair
-- From one pair to the next by the index, so that it takes as long as there are pairs, not rows.
WITH RECURSIVE trade_pairs (pair) AS (
    (
        SELECT pair
        FROM trade_data
        WHERE event_time >= %(since)s
        ORDER BY pair
        LIMIT 1
    )
    UNION ALL
    SELECT
        (
            SELECT trade_data.pair
            FROM trade_data
            WHERE trade_data.event_time >= %(since)s AND trade_data.pair > trade_pairs.pair
            ORDER BY trade_data.pair
            LIMIT 1
        ) AS pair
    FROM trade_pairs
    WHERE trade_pairs.pair IS NOT NULL
),

ticker_pairs (pair) AS (
    (
        SELECT pair
        FROM ticker_data
        WHERE event_time >= %(since)s
        ORDER BY pair
        LIMIT 1
    )
    UNION ALL
    SELECT
        (
            SELECT ticker_data.pair
            FROM ticker_data
            WHERE ticker_data.event_time >= %(since)s AND ticker_data.pair > ticker_pairs.pair
            ORDER BY ticker_data.pair
            LIMIT 1
        ) AS pair
    FROM ticker_pairs
    WHERE ticker_pairs.pair IS NOT NULL
)

SELECT
    'trade' AS kind,
    newest.pair,
    newest.event_time AS newest
FROM trade_pairs
CROSS JOIN
    LATERAL (
        SELECT
            trade_data.pair,
            trade_data.event_time
        FROM trade_data
        WHERE trade_data.pair = trade_pairs.pair AND trade_data.event_time >= %(since)s
        ORDER BY trade_data.event_time DESC
        LIMIT 1
    ) AS newest
UNION ALL
SELECT
    'ticker' AS kind,
    newest.pair,
    newest.event_time AS newest
FROM ticker_pairs
CROSS JOIN LATERAL (
    SELECT
        ticker_data.pair,
        ticker_data.event_time
    FROM ticker_data
    WHERE ticker_data.pair = ticker_pairs.pair AND ticker_data.event_time >= %(since)s
    ORDER BY ticker_data.event_time DESC
    LIMIT 1
) AS newest;
