-- Articles, from the lake
-- Question:  Which news was published, about which coins, in which mood?
-- Grain:     one row per row of lake.raw.articles within the range to be read
-- Key:       (kafka_partition, kafka_offset)
-- Watermark: none
-- Why:       in batch it takes the place of the table over the topic
CREATE TEMPORARY VIEW articles AS
SELECT
    id,
    title,
    url,
    website,
    summary,
    cryptocurrencies_mentioned,
    sentiment,
    source,
    TIMESTAMPDIFF(SECOND, TO_TIMESTAMP_LTZ(0, 3), event_time) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM event_time) AS event_time,
    TIMESTAMPDIFF(SECOND, TO_TIMESTAMP_LTZ(0, 3), ingest_time) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM ingest_time) AS ingest_time,
    ${TOPIC_ARTICLES} AS kafka_topic,
    kafka_partition,
    kafka_offset,
    CAST(arrived_at AS TIMESTAMP_LTZ(3)) AS arrived_at,
    CAST(event_time AS TIMESTAMP_LTZ(3)) AS rowtime
FROM lake.`raw`.articles
WHERE event_time >= ${READ_FROM} AND event_time < ${READ_TO};
