-- Touched hours
-- Question:  How many hours of a table were written to since its rollup was computed?
-- Grain:     one row
SELECT count(DISTINCT hour_start)
FROM storage.touched_hours
WHERE table_name = %(table)s;
