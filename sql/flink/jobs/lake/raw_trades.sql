-- Trades to the lake
-- Question:  Which trades did the producers see?
-- Grain:     one row per acceptable message, as it came
-- Key:       (kafka_partition, kafka_offset)
-- Watermark: not used; what is late is stored like any other
-- Mode:      streaming only: rows are only ever added, so a second run would add them again
INSERT INTO lake.`raw`.trades
SELECT
    source,
    symbol,
    pair,
    trade_id,
    price,
    quantity,
    side,
    rowtime,
    TO_TIMESTAMP_LTZ(ingest_time, 3),
    kafka_partition,
    kafka_offset,
    arrived_at
FROM trades_checked
WHERE problem IS NULL;
