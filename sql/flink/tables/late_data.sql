-- Late data, stored
-- Question:  What came too late for the windows?
-- Grain:     one row per late message
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE late_data (
    topic STRING,
    source STRING,
    item STRING,
    id STRING,
    event_time TIMESTAMP(3),
    watermark_time TIMESTAMP(3),
    late_by_seconds BIGINT,
    ingest_time TIMESTAMP(3),
    PRIMARY KEY (topic, source, item, event_time, id) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'late_data'
);
