-- Loose partitions
-- Question:  Which partitions, ended before a moment, are not compact yet, and by which index would they be?
-- Grain:     one row per partition; compact is what was clustered by its primary key
SELECT
    partitions.partition_name,
    key.relname AS index_name
FROM storage.partitions
INNER JOIN pg_class AS partition ON partitions.partition_name = partition.relname
INNER JOIN pg_index ON partition.oid = pg_index.indrelid
INNER JOIN pg_class AS key ON pg_index.indexrelid = key.oid
WHERE
    partitions.table_name = %(table)s
    AND partitions.to_time <= %(before)s
    AND partition.relnamespace = 'storage'::regnamespace
    AND pg_index.indisprimary
    AND NOT pg_index.indisclustered
ORDER BY partitions.from_time;
