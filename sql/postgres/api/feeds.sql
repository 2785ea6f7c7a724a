-- Feeds
-- Question: How good was each feed in a range of time?
-- Grain:    one row per topic and source; delays in milliseconds, the worst minute's
SELECT
    topic,
    source,
    max(minute_start) AS last_minute,
    sum(seen)::bigint AS seen,
    sum(valid)::bigint AS valid,
    sum(rejected)::bigint AS rejected,
    sum(duplicate)::bigint AS duplicate,
    sum(late)::bigint AS late,
    sum(gap)::bigint AS gap,
    max(delay_p50) AS delay_p50,
    max(delay_p99) AS delay_p99
FROM data_quality
WHERE minute_start >= %(start)s AND minute_start < %(last)s
GROUP BY topic, source
ORDER BY topic, source;
