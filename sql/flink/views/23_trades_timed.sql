-- Trades, and the time without them
-- Question:  Which trades may be counted on, and how late is it?
-- Grain:     one row per acceptable message
-- Key:       that of trades_valid
-- Watermark: that of trades; while there are none, that of the heartbeats of their sources
-- Why:       no heartbeat gets through the filter, only the watermark that it moves: so windows close in a quiet market
CREATE TEMPORARY VIEW trades_timed AS
SELECT *
FROM trades_valid
UNION ALL
SELECT
    source,
    '' AS symbol,
    '' AS pair,
    '' AS trade_id,
    CAST(0 AS DOUBLE) AS price,
    CAST(0 AS DOUBLE) AS quantity,
    '' AS side,
    event_time,
    event_time AS ingest_time,
    rowtime
FROM trade_heartbeats
WHERE CHAR_LENGTH(topic) < 0;
