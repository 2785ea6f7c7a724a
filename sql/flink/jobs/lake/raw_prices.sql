-- Prices to the lake
-- Question:  What was each coin worth, as the aggregators said?
-- Grain:     one row per acceptable message, as it came
-- Key:       (kafka_partition, kafka_offset)
-- Watermark: not used; what is late is stored like any other
-- Mode:      streaming only: rows are only ever added, so a second run would add them again
INSERT INTO lake.`raw`.prices
SELECT
    crypto_id,
    symbol,
    name,
    source,
    price_usd,
    market_cap,
    volume_24h,
    change_1h,
    change_24h,
    change_7d,
    ath,
    atl,
    circulating_supply,
    rowtime,
    TO_TIMESTAMP_LTZ(ingest_time, 3),
    kafka_partition,
    kafka_offset,
    arrived_at
FROM prices_checked
WHERE problem IS NULL;
