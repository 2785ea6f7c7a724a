-- Trades
-- Question:  Which trades did the producers see?
-- Grain:     one row per JSON object on the topic, valid or not, duplicates included
-- Key:       (source, pair, trade_id), not unique here
-- Watermark: newest event time of a partition less ${TRADES_WATERMARK}; an implausible time moves nothing,
--            because one message from the year 2099 would otherwise make every later one late
CREATE TABLE trades (
    source STRING,
    symbol STRING,
    pair STRING,
    trade_id STRING,
    price DOUBLE,
    quantity DOUBLE,
    side STRING,
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
    WATERMARK FOR rowtime AS rowtime - ${TRADES_WATERMARK}
) WITH (
    ${KAFKA_JSON_SOURCE},
    'topic' = ${TOPIC_TRADES}
);
