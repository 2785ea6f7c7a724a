-- Old partitions
-- Question:  Which partitions of a table end before a moment?
-- Grain:     one row per partition
SELECT partition_name
FROM storage.partitions
WHERE table_name = %(table)s AND to_time <= %(old)s
ORDER BY from_time;
