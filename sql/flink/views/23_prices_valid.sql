-- Prices, valid
-- Question:  Which prices may be counted on?
-- Grain:     one row per acceptable message; a price sent twice is here twice
-- Key:       (source, symbol, crypto_id, event_time), not unique here
-- Watermark: that of prices
-- Why:       U+0000 is legal JSON and no text in PostgreSQL, where one such name would stop the job for ever
CREATE TEMPORARY VIEW prices_valid AS
SELECT
    crypto_id,
    symbol,
    REGEXP_REPLACE(name, '\x00', '') AS name,
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
    event_time,
    ingest_time,
    rowtime
FROM prices_checked
WHERE problem IS NULL;
