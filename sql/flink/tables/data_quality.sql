-- Data quality, stored
-- Question:  How good was each feed in each minute?
-- Grain:     one row per topic, source and minute
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE data_quality (
    topic STRING,
    source STRING,
    minute_start TIMESTAMP(3),
    seen BIGINT,
    valid BIGINT,
    rejected BIGINT,
    duplicate BIGINT,
    late BIGINT,
    gap BIGINT,
    delay_p50 DOUBLE,
    delay_p99 DOUBLE,
    PRIMARY KEY (topic, source, minute_start) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'data_quality'
);
