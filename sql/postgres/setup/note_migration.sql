-- A migration was applied; said in the transaction that applies it.
INSERT INTO schema_migrations (name, checksum) VALUES (%(name)s, %(checksum)s);
