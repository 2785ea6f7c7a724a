-- Trades to measure on
-- Question: Which trades are there, of chance, in a range of time?
-- Grain:    one row per trade: count of them, evenly over days before now, the coins in turn
INSERT INTO trade_data
SELECT
    'binance' AS source,
    made.symbol,
    made.symbol || '/USDT' AS pair,
    made.trade_id,
    100 + random() * 100 AS price,
    random() AS quantity,
    'buy' AS side,
    made.event_time,
    made.event_time AS ingest_time
FROM (
    SELECT
        n::text AS trade_id,
        (%(coins)s::text [])[1 + mod(n, cardinality(%(coins)s::text []))] AS symbol,
        date_trunc('milliseconds', %(now)s - n * (%(days)s * interval '1 day' / %(count)s)) AS event_time
    FROM generate_series(1, %(count)s) AS n
) AS made;
