-- Database exists
-- Question: Is there a database of this name?
-- Grain:    one row if so, else none
SELECT 1
FROM pg_database
WHERE datname = %(database)s;
