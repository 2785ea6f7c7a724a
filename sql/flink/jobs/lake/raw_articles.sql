-- Articles to the lake
-- Question:  Which news was published, about which coins, in which mood?
-- Grain:     one row per acceptable message, as it came
-- Key:       (kafka_partition, kafka_offset)
-- Watermark: not used; what is late is stored like any other
-- Mode:      streaming only: rows are only ever added, so a second run would add them again
INSERT INTO lake.`raw`.articles
SELECT
    id,
    title,
    url,
    website,
    summary,
    cryptocurrencies_mentioned,
    sentiment,
    source,
    rowtime,
    TO_TIMESTAMP_LTZ(ingest_time, 3),
    kafka_partition,
    kafka_offset,
    arrived_at
FROM articles_checked
WHERE problem IS NULL;
