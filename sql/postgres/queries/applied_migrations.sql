-- Applied migrations
-- Question: Which migrations does the database have?
-- Grain:    one row per migration
SELECT
    name,
    checksum
FROM schema_migrations;
