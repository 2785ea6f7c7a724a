-- Market sentiment, from the lake
-- Question:  How fearful or greedy was the market, by the Fear & Greed index?
-- Grain:     one row per row of lake.raw.market_sentiment: all, whatever the range, since the last one before it holds on
-- Key:       (kafka_partition, kafka_offset)
-- Watermark: none
-- Why:       in batch it takes the place of the table over the topic
CREATE TEMPORARY VIEW market_sentiment AS
SELECT
    source,
    `value`,
    classification,
    TIMESTAMPDIFF(SECOND, TO_TIMESTAMP_LTZ(0, 3), event_time) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM event_time) AS event_time,
    ${TOPIC_MARKET_SENTIMENT} AS kafka_topic,
    kafka_partition,
    kafka_offset,
    CAST(arrived_at AS TIMESTAMP_LTZ(3)) AS arrived_at,
    CAST(event_time AS TIMESTAMP_LTZ(3)) AS rowtime
FROM lake.`raw`.market_sentiment;
