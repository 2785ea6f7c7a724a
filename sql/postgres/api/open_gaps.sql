-- Open gaps
-- Question: Which trades are still missing?
-- Grain:    one row per range of missing trade ids, the newest first; open_gaps says how many there are in all
SELECT
    source,
    pair,
    first_id,
    last_id,
    missing - found AS missing,
    from_time,
    to_time,
    count(*) OVER () AS open_gaps
FROM feed_gaps
WHERE state = 'open' AND from_time < %(last)s
ORDER BY from_time DESC, source ASC, pair ASC
LIMIT %(rows)s;
