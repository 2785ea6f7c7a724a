-- Tables
-- Question: Which tables hold data?
-- Grain:    one row per table of the schema public, partitions with their parent
SELECT relname
FROM pg_class
WHERE
    relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'p')
    AND NOT relispartition
    AND relname <> 'schema_migrations'
ORDER BY relname;
