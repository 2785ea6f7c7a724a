-- Heartbeats of articles
-- Question:  Until when had a source sent all its articles?
-- Grain:     one row per JSON object on the topic of heartbeats; those of other topics have no rowtime
-- Key:       (source, event_time), not unique here
-- Watermark: newest event time of a partition less ${ARTICLES_WATERMARK}
-- Why:       with them time goes on where nothing is published. A table of its own, because feeds are polled, and so
--            are complete only until the last poll, while streams are until now
CREATE TABLE article_heartbeats (
    source STRING,
    topic STRING,
    event_time BIGINT,
    arrived_at TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
    rowtime AS CASE
        WHEN
            topic = 'articles'
            AND event_time >= ${EARLIEST_EVENT_TIME}
            AND TO_TIMESTAMP_LTZ(event_time, 3) <= arrived_at + ${MAX_FUTURE}
            THEN TO_TIMESTAMP_LTZ(event_time, 3)
    END,
    WATERMARK FOR rowtime AS rowtime - ${ARTICLES_WATERMARK}
) WITH (
    ${KAFKA_NEWS_SOURCE},
    'topic' = ${TOPIC_HEARTBEATS}
);
