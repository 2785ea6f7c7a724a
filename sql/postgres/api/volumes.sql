-- Volumes of a pair by the day
-- Question: How much was traded each day?
-- Grain:    one row per venue and day (UTC), newest first; after (last, after_source) on the way back
SELECT
    day_start AS timestamp,
    source,
    symbol,
    pair,
    volume,
    buy_volume,
    turnover,
    trade_count
FROM volume_daily
WHERE
    pair = %(pair)s
    AND day_start >= %(start)s
    AND day_start <= %(last)s
    AND (day_start, source) < (%(last)s, %(after_source)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY day_start DESC, source DESC
LIMIT %(rows)s;
