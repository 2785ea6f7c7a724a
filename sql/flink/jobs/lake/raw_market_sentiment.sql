-- Market sentiment to the lake
-- Question:  How fearful or greedy was the market, by the Fear & Greed index?
-- Grain:     one row per acceptable message, as it came
-- Key:       (kafka_partition, kafka_offset)
-- Watermark: not used; what is late is stored like any other
-- Mode:      streaming only: rows are only ever added, so a second run would add them again
INSERT INTO lake.`raw`.market_sentiment
SELECT
    source,
    `value`,
    classification,
    rowtime,
    kafka_partition,
    kafka_offset,
    arrived_at
FROM market_sentiment_checked
WHERE problem IS NULL;
