-- Tickers of a pair by the hour
-- Question: How did the last price of a market move, hour by hour?
-- Grain:    one row per hour and venue with a ticker in it, newest first; after (last, after_source) on the way back
-- Hours from `recent` on may not be in the rollup yet, or not whole: they are computed of the tickers.
SELECT *
FROM (
    SELECT
        hour_start AS timestamp,
        source,
        symbol,
        pair,
        close AS last,
        open,
        high,
        low,
        NULL::double precision AS bid,
        NULL::double precision AS ask,
        NULL::double precision AS volume_24h,
        NULL::double precision AS change_pct,
        ticker_count
    FROM ticker_ohlc_hourly
    WHERE
        pair = %(pair)s
        AND hour_start >= %(start)s
        AND hour_start < %(recent)s
    UNION ALL
    SELECT
        date_trunc('hour', event_time, 'UTC') AS timestamp,
        source,
        min(symbol) AS symbol,
        pair,
        (array_agg(last ORDER BY event_time DESC))[1] AS last,
        (array_agg(last ORDER BY event_time))[1] AS open,
        max(last) AS high,
        min(last) AS low,
        NULL::double precision AS bid,
        NULL::double precision AS ask,
        NULL::double precision AS volume_24h,
        NULL::double precision AS change_pct,
        count(*) AS ticker_count
    FROM ticker_data
    WHERE
        pair = %(pair)s
        AND event_time >= greatest(%(start)s, %(recent)s)
        AND event_time < %(last)s::timestamptz + interval '1 hour'
    GROUP BY date_trunc('hour', event_time, 'UTC'), source, pair
) AS hours
WHERE
    timestamp <= %(last)s
    AND (timestamp, source) < (%(last)s, %(after_source)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY timestamp DESC, source DESC
LIMIT %(rows)s;
