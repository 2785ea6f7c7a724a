-- Serving
-- Question:  What does the API keep, who may call it, and what has been changed through it?
-- Grain:     said with each table
-- Key:       natural keys, but for the log
-- Watermark: none
-- In a schema of its own, since what is granted in public by default would let the jobs write here and let psql read the
-- hashes of keys. The API reads the market as tidemark_reader; what it writes it writes as tidemark_api, which can
-- neither see a row of the market, nor make itself a key, nor change or delete what the log says.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tidemark_api') THEN
        RAISE EXCEPTION 'the role tidemark_api is missing (a superuser makes it: CREATE ROLE tidemark_api LOGIN PASSWORD ''…'')';
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO tidemark_api', current_database());
END;
$$;

CREATE SCHEMA serving;
GRANT USAGE ON SCHEMA serving TO tidemark_api, tidemark_reader;

-- One row per coin that was configured; coins without one are as producers/coins.toml has them.
CREATE TABLE serving.crypto_config (
    symbol text PRIMARY KEY,
    name text NOT NULL,
    is_active boolean NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    updated_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX crypto_config_by_name ON serving.crypto_config (lower(name));
GRANT SELECT ON serving.crypto_config TO tidemark_reader;
GRANT SELECT, INSERT, UPDATE ON serving.crypto_config TO tidemark_api;

-- One row per API key, those that were revoked included. The hash is SHA-256 of the whole key, which is random.
CREATE TABLE serving.api_keys (
    key_id text PRIMARY KEY,
    name text NOT NULL,
    hash bytea NOT NULL,
    scopes text [] NOT NULL CHECK (scopes <@ ARRAY['read', 'write', 'admin'] AND scopes <> '{}'),
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    expires_at timestamptz(3),
    revoked_at timestamptz(3)
);
GRANT SELECT ON serving.api_keys TO tidemark_api;

-- One row per write that was done or refused, and per key that was made or revoked. Kept for ever.
CREATE TABLE serving.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    logged_at timestamptz(3) NOT NULL DEFAULT now(),
    actor text NOT NULL,  -- key:ID, jwt:SUBJECT, cli
    address text,
    action text NOT NULL,  -- method and path, or the command
    status integer NOT NULL,
    request_id text,
    detail jsonb NOT NULL
);
GRANT SELECT, INSERT ON serving.audit_log TO tidemark_api;

-- For all series of a range of time; the key is for one.
CREATE INDEX macro_data_by_time ON macro_data (event_time);
