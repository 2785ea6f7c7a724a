-- Trades of a pair
-- Question: What was traded in a range of time?
-- Grain:    one row per trade, newest first; after (last, after_source, after_id) on the way back
SELECT
    event_time AS timestamp,
    source,
    symbol,
    pair,
    trade_id,
    price,
    quantity,
    side,
    ingest_time
FROM trade_data
WHERE
    pair = %(pair)s
    AND event_time >= %(start)s
    AND event_time <= %(last)s
    AND (event_time, source, trade_id) < (%(last)s, %(after_source)s, %(after_id)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY event_time DESC, source DESC, trade_id DESC
LIMIT %(rows)s;
