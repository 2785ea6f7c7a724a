-- Who may connect; what they may do there is in 001_roles.sql.
GRANT CONNECT, TEMPORARY ON DATABASE {database} TO tidemark_writer, tidemark_reader, tidemark_lake;
