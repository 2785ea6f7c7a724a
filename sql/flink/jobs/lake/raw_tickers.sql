-- Tickers to the lake
-- Question:  What was the state of each market, as the producers saw it?
-- Grain:     one row per acceptable message, as it came
-- Key:       (kafka_partition, kafka_offset)
-- Watermark: not used; what is late is stored like any other
-- Mode:      streaming only: rows are only ever added, so a second run would add them again
INSERT INTO lake.`raw`.tickers
SELECT
    source,
    symbol,
    pair,
    `last`,
    bid,
    ask,
    volume_24h,
    change_pct,
    rowtime,
    TO_TIMESTAMP_LTZ(ingest_time, 3),
    kafka_partition,
    kafka_offset,
    arrived_at
FROM tickers_checked
WHERE problem IS NULL;
