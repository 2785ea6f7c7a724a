-- Feed seconds
-- Question:  Which feed was alive in which second of the clock?
-- Grain:     one row per feed and second with a message or a heartbeat
-- Key:       (feed, second_time)
-- Watermark: none: by the clock
CREATE TEMPORARY VIEW feed_seconds AS
SELECT
    window_time AS second_time,
    feed,
    MAX(event_time) AS event_time
FROM TABLE(TUMBLE(TABLE feed_signs, DESCRIPTOR(seen_at), INTERVAL '1' SECOND))
GROUP BY window_start, window_end, window_time, feed;
