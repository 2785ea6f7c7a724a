-- Macro, in the lake
-- Question:  Which values did the economic series have, for which day?
-- Grain:     one row per acceptable message: a revised value is a row of its own
-- Key:       (kafka_partition, kafka_offset), which nothing enforces: rows are only ever added
-- Watermark: none
CREATE TABLE lake.`raw`.macro (
    `indicator` STRING,
    `value` DOUBLE,
    `date` STRING,
    frequency STRING,
    event_time TIMESTAMP_LTZ(6),
    kafka_partition INT,
    kafka_offset BIGINT,
    arrived_at TIMESTAMP_LTZ(6)
) WITH (
    'partitions' = 'indicator'
);
