-- Macro, by when it was known
-- Question:  Which values has each economic series had, and from when on was each known?
-- Grain:     one row per series of macro.known_after, replaced by every message about it: a versioned table, whose time is
--            known_from
-- Key:       indicator
-- Watermark: that of macro; what comes late, or in another order, still is the version of its own time
-- Why:       the newest by arrival, not by known_from, which would drop whatever is older than what has come. A revised
--            value has the known_from of the value before, and takes its place
-- Mode:      streaming only: a time of arrival orders nothing in batch
CREATE TEMPORARY VIEW macro_versions AS
SELECT
    `indicator`,
    `value`,
    known_from
FROM (
    SELECT
        *,
        ROW_NUMBER() OVER (PARTITION BY `indicator` ORDER BY seen_at DESC) AS nth
    FROM (
        SELECT
            `indicator`,
            `value`,
            known_from,
            PROCTIME() AS seen_at
        FROM macro_valid
        WHERE known_from IS NOT NULL
    )
)
WHERE nth = 1;
