-- Policies
-- Question:  How is each table kept, and what is too old of it by now?
-- Grain:     one row per table; old: before this the rows go
SELECT
    table_name,
    time_column,
    kept,
    period,
    date_trunc(period, %(now)s - %(retention)s, 'UTC') AS old
FROM storage.policies
ORDER BY table_name;
