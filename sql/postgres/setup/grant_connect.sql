-- Who may connect; what they may do there is in 001_roles.sql and 026_lake.sql.
GRANT CONNECT ON DATABASE {database} TO tidemark_writer, tidemark_reader, tidemark_api, tidemark_lake;
GRANT TEMPORARY ON DATABASE {database} TO tidemark_writer, tidemark_reader, tidemark_api;
