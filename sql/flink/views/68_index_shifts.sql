-- Index shifts
-- Question:  On which day was the Fear & Greed index far from that of the day before?
-- Grain:     one row per day and source of the index where it was
-- Key:       (source, event_time)
-- Watermark: none: days are compared as they come
-- Mode:      streaming only: it goes by what came first
CREATE TEMPORARY VIEW index_shifts AS
SELECT *
FROM (
    SELECT
        today.source,
        today.event_time,
        CAST(today.points - yesterday.points AS DOUBLE) AS points
    FROM index_days AS today
    INNER JOIN index_days AS yesterday
        ON today.source = yesterday.source AND today.day_before = yesterday.event_time
)
WHERE ABS(points) >= ${INDEX_SHIFT_POINTS};
