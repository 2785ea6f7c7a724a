-- Roles: who may do what.
-- tidemark_migrator owns the database and everything in it, tidemark_writer is the Flink jobs, tidemark_reader is
-- psql, the API and whoever looks. The roles themselves are made with the database (locally by `tidemark up`),
-- since that takes a superuser. What is granted here holds for every table that a later migration makes.

GRANT USAGE ON SCHEMA public TO tidemark_writer, tidemark_reader;

-- DELETE because an upsert sink withdraws a row that its query no longer yields.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tidemark_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO tidemark_reader;
