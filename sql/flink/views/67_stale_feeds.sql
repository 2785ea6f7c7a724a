-- Stale feeds
-- Question:  Which feed has fallen silent?
-- Grain:     one row per silence; found when the feed has sent nothing, and no heartbeat, for ${STALE_AFTER}
-- Key:       (feed, event_time), the event time being that of its last message
-- Watermark: none: silence is measured by the clock, because without messages event time stands still
-- Why:       seconds first, so that a busy feed costs one row a second
CREATE TEMPORARY VIEW stale_feeds AS
SELECT
    feed,
    MAX(event_time) AS event_time
FROM TABLE(SESSION(TABLE feed_seconds PARTITION BY feed, DESCRIPTOR(second_time), ${STALE_AFTER}))
GROUP BY window_start, window_end, feed;
