-- Prices of a coin
-- Question: What was a coin worth by the aggregators, in a range of time?
-- Grain:    one row per price, newest first; after (last, after_source, after_id) on the way back
SELECT
    event_time AS timestamp,
    source,
    crypto_id,
    symbol AS crypto_symbol,
    name,
    price_usd,
    price_usd AS min_price,
    price_usd AS max_price,
    1::bigint AS price_count,
    market_cap,
    volume_24h,
    change_24h
FROM price_data
WHERE
    symbol = %(symbol)s
    AND event_time >= %(start)s
    AND event_time <= %(last)s
    AND (event_time, source, crypto_id) < (%(last)s, %(after_source)s, %(after_id)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY event_time DESC, source DESC, crypto_id DESC
LIMIT %(rows)s;
