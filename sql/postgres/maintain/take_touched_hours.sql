-- The hours that were written to, which are to be computed in this transaction. Those of which rows have been dropped
-- are not: their rollup is all that is left of them.
WITH touched AS (
    DELETE FROM storage.touched_hours
    WHERE touched_hours.table_name = %(table)s
    RETURNING touched_hours.hour_start
)

SELECT DISTINCT touched.hour_start
FROM touched
CROSS JOIN storage.policies
WHERE
    policies.table_name = %(table)s
    AND touched.hour_start >= least(
        coalesce(policies.kept_from, '-infinity'), date_trunc(policies.period, %(now)s - %(retention)s, 'UTC')
    )
ORDER BY touched.hour_start;
