-- Trades, in the lake
-- Question:  Which trades did the producers see?
-- Grain:     one row per acceptable message; a trade sent twice is here twice
-- Key:       (kafka_partition, kafka_offset), which nothing enforces: rows are only ever added
-- Watermark: none
CREATE TABLE lake.`raw`.trades (
    source STRING,
    symbol STRING,
    pair STRING,
    trade_id STRING,
    price DOUBLE,
    quantity DOUBLE,
    side STRING,
    event_time TIMESTAMP_LTZ(6),
    ingest_time TIMESTAMP_LTZ(6),
    kafka_partition INT,
    kafka_offset BIGINT,
    arrived_at TIMESTAMP_LTZ(6)
) WITH (
    'partitions' = 'day(event_time), pair'
);
