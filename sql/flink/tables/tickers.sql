-- Tickers
-- Question:  What was the state of each market, as the producers saw it?
-- Grain:     one row per JSON object on the topic, valid or not, duplicates included
-- Key:       (source, pair, event_time), not unique here
-- Watermark: newest event time of a partition less ${TICKERS_WATERMARK}; an implausible time moves nothing
CREATE TABLE tickers (
    source STRING,
    symbol STRING,
    pair STRING,
    `last` DOUBLE,
    bid DOUBLE,
    ask DOUBLE,
    volume_24h DOUBLE,
    change_pct DOUBLE,
    event_time BIGINT,
    ingest_time BIGINT,
    kafka_topic STRING NOT NULL METADATA FROM 'topic' VIRTUAL,
    kafka_partition INT NOT NULL METADATA FROM 'partition' VIRTUAL,
    kafka_offset BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL,
    arrived_at TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
    rowtime AS CASE
        WHEN event_time >= ${EARLIEST_EVENT_TIME} AND TO_TIMESTAMP_LTZ(event_time, 3) <= arrived_at + ${MAX_FUTURE}
            THEN TO_TIMESTAMP_LTZ(event_time, 3)
    END,
    WATERMARK FOR rowtime AS rowtime - ${TICKERS_WATERMARK}
) WITH (
    ${KAFKA_JSON_SOURCE},
    'topic' = ${TOPIC_TICKERS}
);
