-- Gaps
-- Question: Which trades of a source are or were missing?
-- Grain:    one row per range of trade ids
SELECT
    pair,
    first_id,
    last_id,
    missing,
    found
FROM feed_gaps
WHERE source = %(source)s
ORDER BY from_time, pair;
