-- Macro
-- Question:  Which values did the economic series have, for which day?
-- Grain:     one row per JSON object on the topic, valid or not, duplicates included
-- Key:       (indicator, date), not unique here: a revised value comes as a message of its own
-- Watermark: newest event time of a partition less ${ARTICLES_WATERMARK}, as for all that is polled: days behind now, so
--            it is the idle timeout that keeps a series from holding others back; an implausible time moves nothing
CREATE TABLE macro (
    `indicator` STRING,
    `value` DOUBLE,
    `date` STRING,
    frequency STRING,
    event_time BIGINT,
    kafka_topic STRING NOT NULL METADATA FROM 'topic' VIRTUAL,
    kafka_partition INT NOT NULL METADATA FROM 'partition' VIRTUAL,
    kafka_offset BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL,
    arrived_at TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
    rowtime AS CASE
        WHEN event_time >= ${MACRO_EVENT_TIME_MINIMUM} AND TO_TIMESTAMP_LTZ(event_time, 3) <= arrived_at + ${MAX_FUTURE}
            THEN TO_TIMESTAMP_LTZ(event_time, 3)
    END,
    WATERMARK FOR rowtime AS rowtime - ${ARTICLES_WATERMARK}
) WITH (
    ${KAFKA_NEWS_SOURCE},
    'topic' = ${TOPIC_MACRO}
);
