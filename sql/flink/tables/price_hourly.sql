-- Hourly prices, stored
-- Question:  What was a coin worth in each hour, as the aggregators said?
-- Grain:     one row per aggregator, coin and hour with a price in it
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE price_hourly (
    source STRING,
    crypto_id STRING,
    symbol STRING,
    hour_start TIMESTAMP(3),
    mean_price DOUBLE,
    min_price DOUBLE,
    max_price DOUBLE,
    price_count BIGINT,
    PRIMARY KEY (symbol, hour_start, source, crypto_id) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'price_hourly'
);
