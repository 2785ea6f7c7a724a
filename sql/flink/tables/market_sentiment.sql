-- Market sentiment
-- Question:  How fearful or greedy is the market, by the Fear & Greed index?
-- Grain:     one row per JSON object on the topic, valid or not, duplicates included
-- Key:       (source, event_time), not unique here
-- Watermark: newest event time of a partition less ${ARTICLES_WATERMARK}, as for all that is polled; an implausible time moves
--            nothing
CREATE TABLE market_sentiment (
    source STRING,
    `value` INT,
    classification STRING,
    event_time BIGINT,
    kafka_topic STRING NOT NULL METADATA FROM 'topic' VIRTUAL,
    kafka_partition INT NOT NULL METADATA FROM 'partition' VIRTUAL,
    kafka_offset BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL,
    arrived_at TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
    rowtime AS CASE
        WHEN event_time >= ${EARLIEST_EVENT_TIME} AND TO_TIMESTAMP_LTZ(event_time, 3) <= arrived_at + ${MAX_FUTURE}
            THEN TO_TIMESTAMP_LTZ(event_time, 3)
    END,
    WATERMARK FOR rowtime AS rowtime - ${ARTICLES_WATERMARK}
) WITH (
    ${KAFKA_NEWS_SOURCE},
    'topic' = ${TOPIC_MARKET_SENTIMENT}
);
