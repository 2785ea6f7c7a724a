-- Trades, stored
-- Question:  Which trades were there?
-- Grain:     one row per trade
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE trade_data (
    source STRING,
    symbol STRING,
    pair STRING,
    trade_id STRING,
    price DOUBLE,
    quantity DOUBLE,
    side STRING,
    event_time TIMESTAMP(3),
    ingest_time TIMESTAMP(3),
    PRIMARY KEY (pair, event_time, source, trade_id) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'trade_data'
);
