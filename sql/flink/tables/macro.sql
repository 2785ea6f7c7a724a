-- Macro
-- Question:  Which values did the economic series have, for which day?
-- Grain:     one row per JSON object on the topic, valid or not, duplicates included
-- Key:       (indicator, date), not unique here: a revised value comes as a message of its own
-- Watermark: newest known_from of a partition, but no later than its arrival: when all inputs of a join are idle, Flink goes
--            on to the latest of their watermarks, and what will be known next month must not make the trades after a
--            silence late. The idle timeout keeps a series, which may have the next value in weeks, from holding
--            others back; an implausible time moves nothing, nor does a series that macro.known_after has not
-- Why:       event_time is the midnight that begins the date observed; the value was published later. known_from is when it
--            was known for certain: that midnight and macro.known_after of the series. Not its arrival, since a
--            history that is fetched today was known before
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
    known_from AS CASE
        WHEN event_time >= ${MACRO_EVENT_TIME_MINIMUM} AND TO_TIMESTAMP_LTZ(event_time, 3) <= arrived_at + ${MAX_FUTURE}
            THEN TO_TIMESTAMP_LTZ(event_time + ${MACRO_KNOWN_AFTER_MS}, 3)
    END,
    WATERMARK FOR known_from AS CASE WHEN known_from > arrived_at THEN arrived_at ELSE known_from END
) WITH (
    ${KAFKA_NEWS_SOURCE},
    'topic' = ${TOPIC_MACRO}
);
