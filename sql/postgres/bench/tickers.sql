-- Tickers to measure on
-- Question: Which tickers are there, of chance, in a range of time?
-- Grain:    one row per ticker: count of them, evenly over days before now, the coins in turn
INSERT INTO ticker_data
SELECT
    'kraken' AS source,
    made.symbol,
    made.symbol || '/USD' AS pair,
    100 + random() * 100 AS last,
    99 AS bid,
    101 AS ask,
    1000 AS volume_24h,
    random() AS change_pct,
    made.event_time,
    made.event_time AS ingest_time
FROM (
    SELECT
        (%(coins)s::text [])[1 + mod(n, cardinality(%(coins)s::text []))] AS symbol,
        date_trunc('milliseconds', %(now)s - n * (%(days)s * interval '1 day' / %(count)s)) AS event_time
    FROM generate_series(1, %(count)s) AS n
) AS made;
