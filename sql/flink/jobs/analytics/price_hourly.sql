-- Hourly prices
-- Question:  What was a coin worth in each hour, as the aggregators said?
-- Grain:     one row per aggregator, coin and hour with a price in it
-- Key:       (symbol, hour_start, source, crypto_id)
-- Watermark: ${PRICES_WATERMARK} behind; later prices, as a backfill sends them to a job that runs, are in no hour
-- Why:       of the aggregators' prices, since these are of coins, the world over; what a venue's pair did in an hour is
--            among the candles. A price sent twice counts once; of two for one moment it is the lower
INSERT INTO price_hourly
SELECT
    source,
    crypto_id,
    symbol,
    window_start,
    CAST(SUM(CAST(price AS DECIMAL(28, 18))) AS DOUBLE) / COUNT(*),
    MIN(price),
    MAX(price),
    COUNT(*)
FROM (
    SELECT
        window_start,
        window_end,
        source,
        crypto_id,
        symbol,
        MIN(price_usd) AS price
    FROM TABLE(TUMBLE(TABLE prices_valid, DESCRIPTOR(rowtime), INTERVAL '1' HOUR))
    GROUP BY window_start, window_end, source, crypto_id, symbol, event_time
)
GROUP BY window_start, window_end, source, crypto_id, symbol;
