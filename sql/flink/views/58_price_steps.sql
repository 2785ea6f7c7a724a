-- Price steps
-- Question:  What did an aggregator say of a coin in each ${ALERT_STEP}?
-- Grain:     one row per aggregator, coin and step in which it said something
-- Key:       (source, symbol, crypto_id, bar_time)
-- Watermark: that of prices
-- Why:       a repeated price and the order of arrival change nothing; of two at the same millisecond the text that sorts
--            last wins, always
CREATE TEMPORARY VIEW price_steps AS
SELECT
    window_time AS bar_time,
    window_start AS bar_start,
    source,
    symbol,
    crypto_id,
    MIN(price_usd) AS low,
    MAX(price_usd) AS high,
    CAST(SUBSTRING(MAX(priced) FROM 14) AS DOUBLE) AS price,
    CAST(SUBSTRING(MAX(changed) FROM 14) AS DOUBLE) AS change_24h
FROM (
    SELECT
        window_start,
        window_end,
        window_time,
        source,
        symbol,
        crypto_id,
        price_usd,
        CONCAT(LPAD(CAST(event_time AS STRING), 13, '0'), CAST(price_usd AS STRING)) AS priced,
        CONCAT(LPAD(CAST(event_time AS STRING), 13, '0'), CAST(change_24h AS STRING)) AS changed
    FROM TABLE(TUMBLE(TABLE prices_valid, DESCRIPTOR(rowtime), ${ALERT_STEP}))
)
GROUP BY window_start, window_end, window_time, source, symbol, crypto_id;
