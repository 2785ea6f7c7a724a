-- Last prices of a coin
-- Question: What is a coin worth, by trades, by tickers, and by the aggregators?
-- Grain:    one row per pair in dollars with a trade, per such pair with a ticker, and per aggregator
-- Of an aggregator's coins that share the symbol it is the one with the largest market capitalisation.
WITH pairs AS (
    SELECT unnest(%(pairs)s::text []) AS name
),

traded AS (
    SELECT newest.*
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT trade_data.*
        FROM trade_data
        WHERE
            trade_data.pair = pairs.name
            AND trade_data.event_time >= %(since)s
            AND trade_data.event_time < %(until)s
        ORDER BY trade_data.event_time DESC, trade_data.source DESC, trade_data.trade_id DESC
        LIMIT 1
    ) AS newest
),

ticked AS (
    SELECT newest.*
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT ticker_data.*
        FROM ticker_data
        WHERE
            ticker_data.pair = pairs.name
            AND ticker_data.event_time >= %(since)s
            AND ticker_data.event_time < %(until)s
        ORDER BY ticker_data.event_time DESC, ticker_data.source DESC
        LIMIT 1
    ) AS newest
),

last_prices AS (
    SELECT *
    FROM price_data
    WHERE symbol = %(symbol)s AND event_time >= %(since)s AND event_time < %(until)s
    ORDER BY event_time DESC
    LIMIT 50
),

last_by_coin AS (
    SELECT DISTINCT ON (source, crypto_id) *
    FROM last_prices
    ORDER BY source ASC, crypto_id ASC, event_time DESC
),

aggregated AS (
    SELECT DISTINCT ON (source) *
    FROM last_by_coin
    ORDER BY source ASC, market_cap DESC NULLS LAST, crypto_id ASC
)

SELECT
    'trade' AS kind,
    source,
    pair,
    price AS price_usd,
    NULL::double precision AS bid,
    NULL::double precision AS ask,
    NULL::double precision AS market_cap,
    NULL::double precision AS volume_24h,
    NULL::double precision AS change_24h,
    event_time AS timestamp
FROM traded
UNION ALL
SELECT
    'ticker' AS kind,
    source,
    pair,
    last AS price_usd,
    bid,
    ask,
    NULL::double precision AS market_cap,
    NULL::double precision AS volume_24h,
    NULL::double precision AS change_24h,
    event_time AS timestamp
FROM ticked
UNION ALL
SELECT
    'aggregator' AS kind,
    source,
    NULL AS pair,
    price_usd,
    NULL::double precision AS bid,
    NULL::double precision AS ask,
    market_cap,
    volume_24h,
    change_24h,
    event_time AS timestamp
FROM aggregated;
