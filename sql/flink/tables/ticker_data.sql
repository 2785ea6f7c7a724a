-- Tickers, stored
-- Question:  What was the state of a market at a moment?
-- Grain:     one row per venue, pair and moment
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE ticker_data (
    source STRING,
    symbol STRING,
    pair STRING,
    `last` DOUBLE,
    bid DOUBLE,
    ask DOUBLE,
    volume_24h DOUBLE,
    change_pct DOUBLE,
    event_time TIMESTAMP(3),
    ingest_time TIMESTAMP(3),
    PRIMARY KEY (pair, event_time, source) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'ticker_data'
);
