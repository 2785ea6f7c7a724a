-- Prices of a coin by the hour
-- Question: What was a coin worth by the aggregators, hour by hour?
-- Grain:    one row per hour, aggregator and coin with a price in it, newest first; after (last, after_source, after_id)
-- Hours after the newest that the job analytics has written are computed of the prices.
SELECT *
FROM (
    SELECT
        hour_start AS timestamp,
        source,
        crypto_id,
        symbol AS crypto_symbol,
        NULL::text AS name,
        mean_price AS price_usd,
        min_price,
        max_price,
        price_count,
        NULL::double precision AS market_cap,
        NULL::double precision AS volume_24h,
        NULL::double precision AS change_24h
    FROM price_hourly
    WHERE symbol = %(symbol)s AND hour_start >= %(start)s
    UNION ALL
    SELECT
        date_trunc('hour', event_time, 'UTC') AS timestamp,
        source,
        crypto_id,
        symbol AS crypto_symbol,
        NULL::text AS name,
        (sum(price_usd::numeric) / count(*))::double precision AS price_usd,
        min(price_usd) AS min_price,
        max(price_usd) AS max_price,
        count(*) AS price_count,
        NULL::double precision AS market_cap,
        NULL::double precision AS volume_24h,
        NULL::double precision AS change_24h
    FROM price_data
    WHERE
        symbol = %(symbol)s
        AND event_time >= %(start)s
        AND event_time < %(last)s::timestamptz + interval '1 hour'
        AND event_time >= coalesce(
            (
                SELECT max(done.hour_start) + interval '1 hour'
                FROM price_hourly AS done
                WHERE done.symbol = %(symbol)s
            ), %(start)s
        )
    GROUP BY date_trunc('hour', event_time, 'UTC'), source, crypto_id, symbol
) AS hours
WHERE
    timestamp <= %(last)s
    AND (timestamp, source, crypto_id) < (%(last)s, %(after_source)s, %(after_id)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY timestamp DESC, source DESC, crypto_id DESC
LIMIT %(rows)s;
