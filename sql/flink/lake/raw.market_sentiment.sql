-- Market sentiment, in the lake
-- Question:  How fearful or greedy was the market, by the Fear & Greed index?
-- Grain:     one row per acceptable message, a few a day
-- Key:       (kafka_partition, kafka_offset), which nothing enforces: rows are only ever added
-- Watermark: none
CREATE TABLE lake.`raw`.market_sentiment (
    source STRING,
    `value` INT,
    classification STRING,
    event_time TIMESTAMP_LTZ(6),
    kafka_partition INT,
    kafka_offset BIGINT,
    arrived_at TIMESTAMP_LTZ(6)
) WITH (
    'partitions' = 'source'
);
