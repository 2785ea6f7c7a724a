-- Open gaps
-- Question: Which trades are still missing?
-- Grain:    one row per range of missing ids of a source (of all, where it is null), the oldest first
SELECT
    source,
    pair,
    first_id,
    last_id,
    missing - found AS missing,
    from_time,
    to_time
FROM feed_gaps
WHERE
    state = 'open'
    AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY from_time, pair;
