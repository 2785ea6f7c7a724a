-- Articles
-- Question:  Which news was published, about which coins, in which mood?
-- Grain:     one row per JSON object on the topic, valid or not, duplicates included
-- Key:       id, not unique here
-- Watermark: newest publication time of a partition less ${ARTICLES_WATERMARK}; an implausible time moves nothing
CREATE TABLE articles (
    id STRING,
    title STRING,
    url STRING,
    website STRING,
    summary STRING,
    cryptocurrencies_mentioned ARRAY<STRING>,
    sentiment ROW<score DOUBLE, polarity DOUBLE, label STRING>,
    source STRING,
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
    WATERMARK FOR rowtime AS rowtime - ${ARTICLES_WATERMARK}
) WITH (
    ${KAFKA_NEWS_SOURCE},
    'topic' = ${TOPIC_ARTICLES}
);
