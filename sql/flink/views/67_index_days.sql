-- Index days
-- Question:  What was the Fear & Greed index of each day?
-- Grain:     one row per day and source of the index
-- Key:       (source, event_time)
-- Watermark: none: a day's value is dated at its midnight and comes hours later, so it is always late; it is taken as it
--            comes
-- Mode:      streaming only: it goes by what came first
-- Why:       a day's value is polled again and again; the first counts
CREATE TEMPORARY VIEW index_days AS
SELECT
    source,
    event_time,
    event_time - CAST(86400000 AS BIGINT) AS day_before,
    points
FROM (
    SELECT
        source,
        event_time,
        `value` AS points,
        ROW_NUMBER() OVER (PARTITION BY source, event_time ORDER BY PROCTIME()) AS place
    FROM market_sentiment_valid
)
WHERE place = 1;
