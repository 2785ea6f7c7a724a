-- Articles, checked
-- Question:  What is wrong with each message of the articles topic, if anything?
-- Grain:     one row per JSON object on the topic
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: that of articles
-- Why:       the one place that says when an article is acceptable; bounds and forms come from producers/schemas/articles.avsc
--            x - x <> 0 finds NaN and infinity, which the negation of a range does not: Flink turns it into x <= 0 OR x > n
CREATE TEMPORARY VIEW articles_checked AS
SELECT
    *,
    CASE
        WHEN id IS NULL OR NOT REGEXP(id, ${ARTICLES_ID_FORM}) THEN 'invalid_field: id'
        WHEN title IS NULL THEN 'invalid_field: title'
        WHEN url IS NULL OR NOT REGEXP(url, ${ARTICLES_URL_FORM}) OR REGEXP(url, '\x00') THEN 'invalid_field: url'
        WHEN website IS NULL THEN 'invalid_field: website'
        WHEN summary IS NULL THEN 'invalid_field: summary'
        -- Symbols only: PostgreSQL's index takes no long ones, and a row that it refuses stops the job for ever.
        WHEN
            cryptocurrencies_mentioned IS NULL
            OR REGEXP(ARRAY_JOIN(cryptocurrencies_mentioned, ','), '[^A-Z0-9,]|[A-Z0-9]{21}')
            THEN 'invalid_field: cryptocurrencies_mentioned'
        WHEN sentiment.score IS NULL THEN 'invalid_field: sentiment.score'
        WHEN sentiment.polarity IS NULL THEN 'invalid_field: sentiment.polarity'
        WHEN sentiment.label IS NULL OR sentiment.label NOT IN ('positive', 'neutral', 'negative')
            THEN 'invalid_field: sentiment.label'
        WHEN source IS NULL OR NOT REGEXP(source, ${ARTICLES_SOURCE_FORM}) THEN 'invalid_field: source'
        WHEN event_time IS NULL THEN 'invalid_field: event_time'
        WHEN ingest_time IS NULL THEN 'invalid_field: ingest_time'
        WHEN sentiment.score - sentiment.score <> 0 THEN 'invalid_field: sentiment.score'
        WHEN NOT (sentiment.score >= 0 AND sentiment.score <= 1) THEN 'out_of_range: sentiment.score'
        WHEN sentiment.polarity - sentiment.polarity <> 0 THEN 'invalid_field: sentiment.polarity'
        WHEN NOT (sentiment.polarity >= -1 AND sentiment.polarity <= 1) THEN 'out_of_range: sentiment.polarity'
        WHEN rowtime IS NULL THEN 'time_out_of_range: event_time'
        WHEN ingest_time NOT BETWEEN ${EARLIEST_EVENT_TIME} AND ${LATEST_TIME} THEN 'time_out_of_range: ingest_time'
    END AS problem
FROM articles
WHERE ${READ_RANGE};
