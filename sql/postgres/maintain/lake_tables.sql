-- Tables of the lake
-- Question:  How many Iceberg tables are there? Asked before Java is started for them
-- Grain:     one row
SELECT count(*) FROM lake.iceberg_tables;
