-- Articles, in the lake
-- Question:  Which news was published, about which coins, in which mood?
-- Grain:     one row per acceptable message; an article sent twice is here twice
-- Key:       (kafka_partition, kafka_offset), which nothing enforces: rows are only ever added
-- Watermark: none
CREATE TABLE lake.`raw`.articles (
    id STRING,
    title STRING,
    url STRING,
    website STRING,
    summary STRING,
    cryptocurrencies_mentioned ARRAY<STRING>,
    sentiment ROW<score DOUBLE, polarity DOUBLE, label STRING>,
    source STRING,
    event_time TIMESTAMP_LTZ(6),
    ingest_time TIMESTAMP_LTZ(6),
    kafka_partition INT,
    kafka_offset BIGINT,
    arrived_at TIMESTAMP_LTZ(6)
) WITH (
    'partitions' = 'day(event_time)'
);
