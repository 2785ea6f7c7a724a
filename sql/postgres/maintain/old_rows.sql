-- Old rows
-- Question:  How many rows are from before a moment?
-- Grain:     one row
SELECT count(*)
FROM {table}
WHERE {time} < %(old)s;
