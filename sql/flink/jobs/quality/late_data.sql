-- Late data
-- Question:  What came too late for the windows?
-- Grain:     one row per late message; a repeated one is written to the same row
-- Key:       (topic, source, item, event_time, id)
-- Watermark: that of each topic
-- Mode:      streaming only: batch has no watermark
INSERT INTO late_data
SELECT
    topic,
    source,
    item,
    id,
    CAST(rowtime AS TIMESTAMP(3)),
    CAST(watermark_time AS TIMESTAMP(3)),
    CAST(TIMESTAMPDIFF(SECOND, rowtime, watermark_time) AS BIGINT),
    CAST(TO_TIMESTAMP_LTZ(ingest_time, 3) AS TIMESTAMP(3))
FROM late_rows;
