-- Rejects
-- Question:  Which JSON objects are not acceptable, and why?
-- Grain:     one row per rejected JSON object
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: none
CREATE TEMPORARY VIEW rejects AS
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    problem
FROM trades_checked
WHERE problem IS NOT NULL
UNION ALL
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    problem
FROM tickers_checked
WHERE problem IS NOT NULL
UNION ALL
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    problem
FROM articles_checked
WHERE problem IS NOT NULL
UNION ALL
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    problem
FROM prices_checked
WHERE problem IS NOT NULL
UNION ALL
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    problem
FROM market_sentiment_checked
WHERE problem IS NOT NULL
UNION ALL
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    problem
FROM macro_checked
WHERE problem IS NOT NULL;
