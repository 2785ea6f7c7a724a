-- Prices, stored
-- Question:  What was a coin worth, as the aggregators said?
-- Grain:     one row per coin, moment and aggregator
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE price_data (
    crypto_id STRING,
    symbol STRING,
    name STRING,
    source STRING,
    price_usd DOUBLE,
    market_cap DOUBLE,
    volume_24h DOUBLE,
    change_1h DOUBLE,
    change_24h DOUBLE,
    change_7d DOUBLE,
    ath DOUBLE,
    atl DOUBLE,
    circulating_supply DOUBLE,
    event_time TIMESTAMP(3),
    ingest_time TIMESTAMP(3),
    PRIMARY KEY (symbol, event_time, source, crypto_id) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'price_data'
);
