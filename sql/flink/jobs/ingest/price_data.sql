-- Prices to PostgreSQL
-- Question:  What was a coin worth, as the aggregators said?
-- Grain:     one row per coin, moment and aggregator
-- Key:       (symbol, event_time, source, crypto_id)
-- Watermark: not used; a late price is stored like any other
-- Why:       two coins of an aggregator may share a symbol
INSERT INTO price_data
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
    CAST(rowtime AS TIMESTAMP(3)),
    CAST(TO_TIMESTAMP_LTZ(ingest_time, 3) AS TIMESTAMP(3))
FROM prices_valid;
