-- Extension exists
-- Question:  Is an extension in this database?
-- Grain:     one row if so, else none
SELECT 1
FROM pg_extension
WHERE extname = %(extension)s;
