-- Heartbeats
-- Question:  Which source was well when, and had sent to a topic all it had until then?
-- Grain:     one row per JSON object on the topic, duplicates included
-- Key:       (source, topic, event_time), not unique here
-- Watermark: newest event time of a partition less ${TRADES_WATERMARK}, as trades, whose place it takes where nothing is
--            traded; an implausible time moves nothing
CREATE TABLE heartbeats (
    source STRING,
    topic STRING,
    event_time BIGINT,
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
    'topic' = ${TOPIC_HEARTBEATS}
);
