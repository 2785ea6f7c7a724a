-- All rows of the tables go, at once.
TRUNCATE {tables};
