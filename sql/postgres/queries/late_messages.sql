-- Late messages
-- Question: How many messages of a source came too late for the windows?
-- Grain:    one row
SELECT count(*) AS messages
FROM late_data
WHERE source = %(source)s;
