-- Market sentiment, checked
-- Question:  What is wrong with each message of the topic, if anything?
-- Grain:     one row per JSON object on the topic
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: that of market_sentiment
-- Why:       the one place that says when a value of the index is acceptable; bounds and forms come from
--            producers/schemas/market_sentiment.avsc
CREATE TEMPORARY VIEW market_sentiment_checked AS
SELECT
    *,
    CASE
        WHEN source IS NULL OR NOT REGEXP(source, ${MARKET_SENTIMENT_SOURCE_FORM}) THEN 'invalid_field: source'
        WHEN `value` IS NULL THEN 'invalid_field: value'
        WHEN classification IS NULL OR NOT REGEXP(classification, ${MARKET_SENTIMENT_CLASSIFICATION_FORM})
            THEN 'invalid_field: classification'
        WHEN event_time IS NULL THEN 'invalid_field: event_time'
        WHEN `value` NOT BETWEEN ${MARKET_SENTIMENT_VALUE_MINIMUM} AND ${MARKET_SENTIMENT_VALUE_MAXIMUM}
            THEN 'out_of_range: value'
        WHEN rowtime IS NULL THEN 'time_out_of_range: event_time'
    END AS problem
FROM market_sentiment;
