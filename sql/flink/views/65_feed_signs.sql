-- Feed signs
-- Question:  Which streamed feed showed that it is alive?
-- Grain:     one row per acceptable message, and per heartbeat
-- Key:       none; a feed is a source and its topic in one, since a view's session windows take one key only
-- Watermark: none: by the clock
CREATE TEMPORARY VIEW feed_signs AS
SELECT
    CONCAT(source, ' trades') AS feed,
    event_time,
    PROCTIME() AS seen_at
FROM trades_valid
UNION ALL
SELECT
    CONCAT(source, ' tickers') AS feed,
    event_time,
    PROCTIME() AS seen_at
FROM tickers_valid
UNION ALL
SELECT
    CONCAT(source, ' ', topic) AS feed,
    event_time,
    PROCTIME() AS seen_at
FROM trade_heartbeats
WHERE topic IN ('trades', 'tickers') AND source IS NOT NULL AND event_time IS NOT NULL;
