-- Missing partitions
-- Question:  Which partitions does a table want: for the time to come, and for what its default partition holds?
-- Grain:     one row per partition to make: when it begins, and how many rows wait for it
WITH wanted AS (
    SELECT
        date_trunc(%(period)s, {time}, 'UTC') AS begins,
        count(*) AS held
    FROM {default}
    WHERE {time} >= %(old)s
    GROUP BY begins
    UNION ALL
    SELECT
        begins,
        0
    FROM
        generate_series(
            date_trunc(%(period)s, %(now)s::timestamptz, 'UTC'), %(now)s + %(ahead)s, ('1 ' || %(period)s)::interval
        ) AS begins
)

SELECT
    begins,
    sum(held)::bigint AS held
FROM wanted
WHERE NOT EXISTS (
    SELECT FROM storage.partitions
    WHERE table_name = %(table)s AND from_time <= wanted.begins AND to_time > wanted.begins
)
GROUP BY begins
ORDER BY begins;
