-- Tickers, in the lake
-- Question:  What was the state of each market, as the producers saw it?
-- Grain:     one row per acceptable message; a ticker sent twice is here twice
-- Key:       (kafka_partition, kafka_offset), which nothing enforces: rows are only ever added
-- Watermark: none
CREATE TABLE lake.`raw`.tickers (
    source STRING,
    symbol STRING,
    pair STRING,
    `last` DOUBLE,
    bid DOUBLE,
    ask DOUBLE,
    volume_24h DOUBLE,
    change_pct DOUBLE,
    event_time TIMESTAMP_LTZ(6),
    ingest_time TIMESTAMP_LTZ(6),
    kafka_partition INT,
    kafka_offset BIGINT,
    arrived_at TIMESTAMP_LTZ(6)
) WITH (
    'partitions' = 'day(event_time), pair'
);
