-- Prices, in the lake
-- Question:  What was each coin worth, as the aggregators said?
-- Grain:     one row per acceptable message; a price sent twice is here twice
-- Key:       (kafka_partition, kafka_offset), which nothing enforces: rows are only ever added
-- Watermark: none
CREATE TABLE lake.`raw`.prices (
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
    event_time TIMESTAMP_LTZ(6),
    ingest_time TIMESTAMP_LTZ(6),
    kafka_partition INT,
    kafka_offset BIGINT,
    arrived_at TIMESTAMP_LTZ(6)
) WITH (
    'partitions' = 'day(event_time)'
);
