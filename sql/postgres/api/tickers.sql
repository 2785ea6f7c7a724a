-- Tickers of a pair
-- Question: In which state was a market in a range of time?
-- Grain:    one row per ticker, newest first; after (last, after_source) on the way back
SELECT
    event_time AS timestamp,
    source,
    symbol,
    pair,
    last,
    last AS open,
    last AS high,
    last AS low,
    bid,
    ask,
    volume_24h,
    change_pct,
    1::bigint AS ticker_count
FROM ticker_data
WHERE
    pair = %(pair)s
    AND event_time >= %(start)s
    AND event_time <= %(last)s
    AND (event_time, source) < (%(last)s, %(after_source)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY event_time DESC, source DESC
LIMIT %(rows)s;
