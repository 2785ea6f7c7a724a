-- The database; what is in it is made by the migrations, as its owner.
CREATE DATABASE {database} OWNER tidemark_migrator;
