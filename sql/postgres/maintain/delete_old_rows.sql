-- Rows from before a moment go.
DELETE FROM {table}
WHERE {time} < %(old)s;
