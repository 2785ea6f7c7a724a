-- Schema migrations: one row per file of sql/postgres that was applied, with the SHA-256 of its text.
CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
