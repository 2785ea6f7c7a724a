-- The end of a database with all it holds, even while others are connected.
DROP DATABASE IF EXISTS {database} WITH (FORCE);
