-- No heartbeats of articles
-- Question:  none: heartbeats only move the watermark, which batch has not
-- Grain:     no row
-- Key:       none
-- Watermark: none
-- Why:       in batch it takes the place of the table over the topic
CREATE TEMPORARY VIEW article_heartbeats AS
SELECT
    source,
    CAST('' AS STRING) AS topic,
    event_time,
    rowtime
FROM articles
WHERE FALSE;
