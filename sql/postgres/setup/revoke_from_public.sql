-- Nobody gets at the database by being anybody.
REVOKE ALL ON DATABASE {database} FROM public;
