-- Index shifts
-- Question:  On which day was the Fear & Greed index far from that of the day before?
-- Grain:     one row per day and source of the index where it was
-- Key:       (source, event_time)
-- Watermark: none: a day's value is dated at its midnight and comes hours later, so it is always late; it is compared as
--            it comes
-- Mode:      streaming only: it goes by what came first
-- Why:       a day's value is polled again and again; the first counts
CREATE TEMPORARY VIEW index_shifts AS
SELECT
    today.source,
    today.event_time,
    CAST(today.`value` - yesterday.`value` AS DOUBLE) AS points
FROM (
    SELECT *
    FROM (
        SELECT
            source,
            event_time,
            `value`,
            ROW_NUMBER() OVER (PARTITION BY source, event_time ORDER BY PROCTIME()) AS place
        FROM market_sentiment_valid
    )
    WHERE place = 1
) AS today
INNER JOIN (
    SELECT *
    FROM (
        SELECT
            source,
            event_time,
            `value`,
            ROW_NUMBER() OVER (PARTITION BY source, event_time ORDER BY PROCTIME()) AS place
        FROM market_sentiment_valid
    )
    WHERE place = 1
) AS yesterday
    ON today.source = yesterday.source AND today.event_time = yesterday.event_time + CAST(86400000 AS BIGINT)
WHERE ABS(today.`value` - yesterday.`value`) >= ${INDEX_SHIFT_POINTS};
