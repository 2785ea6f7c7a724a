-- Ranking of 24 hours, stored
-- Question:  Which coins have gained the most in the last 24 hours?
-- Grain:     one row per aggregator, window and coin among the best
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE ranking_24h (
    source STRING,
    crypto_id STRING,
    symbol STRING,
    window_end TIMESTAMP(3),
    place BIGINT,
    change_24h DOUBLE,
    price_usd DOUBLE,
    PRIMARY KEY (source, window_end, crypto_id) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'ranking_24h'
);
