-- Tickers of a pair by the minute
-- Question: How did the last price of a market move, minute by minute?
-- Grain:    one row per minute and venue with a ticker in it, newest first; after (last, after_source) on the way back
-- A minute is looked at only when the page is not full yet: the join asks for one after the other. The outer ORDER BY only says
-- what the order is already.
SELECT *
FROM (
    SELECT
        minutes.timestamp,
        found.*
    FROM
        generate_series(
            %(last)s::timestamptz, %(start)s::timestamptz, interval '-1 minute'
        ) AS minutes (timestamp)
    CROSS JOIN
        LATERAL (
            SELECT
                ticker_data.source,
                min(symbol) AS symbol,
                ticker_data.pair,
                (array_agg(last ORDER BY ticker_data.event_time DESC))[1] AS last,
                (array_agg(last ORDER BY ticker_data.event_time))[1] AS open,
                max(last) AS high,
                min(last) AS low,
                (array_agg(bid ORDER BY ticker_data.event_time DESC))[1] AS bid,
                (array_agg(ask ORDER BY ticker_data.event_time DESC))[1] AS ask,
                (array_agg(volume_24h ORDER BY ticker_data.event_time DESC))[1] AS volume_24h,
                NULL::double precision AS change_pct,
                count(*) AS ticker_count
            FROM ticker_data
            WHERE
                ticker_data.pair = %(pair)s
                AND ticker_data.event_time >= minutes.timestamp
                AND ticker_data.event_time < minutes.timestamp + interval '1 minute'
                -- which leaves out partitions already when the query is planned
                AND ticker_data.event_time >= %(start)s
                AND ticker_data.event_time < %(last)s::timestamptz + interval '1 minute'
                AND (%(source)s::text IS NULL OR ticker_data.source = %(source)s)
                AND (minutes.timestamp, ticker_data.source) < (%(last)s, %(after_source)s)
            GROUP BY ticker_data.source, ticker_data.pair
            ORDER BY ticker_data.source DESC
        ) AS found
    LIMIT %(rows)s -- noqa: AM09
) AS page
ORDER BY timestamp DESC, source DESC;
