-- No heartbeats of trades
-- Question:  none: heartbeats only move the watermark, which batch has not
-- Grain:     no row
-- Key:       none
-- Watermark: none
-- Why:       in batch it takes the place of the table over the topic
CREATE TEMPORARY VIEW trade_heartbeats AS
SELECT
    source,
    CAST('' AS STRING) AS topic,
    event_time,
    rowtime
FROM trades
WHERE FALSE;
