-- Row count
-- Question: How many rows does a table hold?
-- Grain:    one row
SELECT
    {name},
    count(*)
FROM {table};
