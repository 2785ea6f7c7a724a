-- Daily volume, stored
-- Question:  How much of a pair was traded on each day?
-- Grain:     one row per venue, pair and day with a trade in it
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE volume_daily (
    source STRING,
    symbol STRING,
    pair STRING,
    day_start TIMESTAMP(3),
    volume DOUBLE,
    buy_volume DOUBLE,
    turnover DOUBLE,
    trade_count BIGINT,
    PRIMARY KEY (pair, day_start, source) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'volume_daily'
);
