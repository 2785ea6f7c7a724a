-- Storage
-- Question:  How is each table kept, and for how long?
-- Grain:     storage.policies: one row per table of the schema public
-- Key:       table_name
-- Watermark: none
-- The schema storage holds the partitions and what `tidemark maintain` has to know. Nobody but the migrator can reach
-- into it, apart from what the reader is granted below: rows are read and written through the tables in public.
CREATE SCHEMA storage;
GRANT USAGE ON SCHEMA storage TO tidemark_reader;

CREATE TABLE storage.policies (
    table_name text PRIMARY KEY,
    time_column text NOT NULL,  -- by which a row is old
    -- partitions: dropped whole when old; rows: deleted when old, where the key has no time to partition by;
    -- forever: neither; chunks: TimescaleDB sees to it
    kept text NOT NULL CHECK (kept IN ('partitions', 'rows', 'forever', 'chunks')),
    -- what a partition spans; rows become old by the day
    period text NOT NULL DEFAULT 'day' CHECK (period IN ('day', 'week', 'month')),
    -- before this nothing is left, since it was dropped; null: nothing was
    kept_from timestamptz
);
GRANT SELECT ON storage.policies TO tidemark_reader;

-- One row per partition; the default one, which takes rows of every other time, has no bounds.
CREATE VIEW storage.partitions AS
SELECT
    parent.relname AS table_name,
    child.relname AS partition_name,
    (bound.texts)[1]::timestamptz AS from_time,
    (bound.texts)[2]::timestamptz AS to_time
FROM pg_inherits
INNER JOIN pg_class AS parent ON pg_inherits.inhparent = parent.oid
INNER JOIN pg_class AS child ON pg_inherits.inhrelid = child.oid
CROSS JOIN
    regexp_match(
        pg_get_expr(child.relpartbound, child.oid), $$FROM \('([^']+)'\) TO \('([^']+)'\)$$
    ) AS bound (texts)
WHERE parent.relnamespace = 'public'::regnamespace AND parent.relkind = 'p';
GRANT SELECT ON storage.partitions TO tidemark_reader;

-- Put an empty table in the place of public.name, with the same columns, keys, indexes and grants, and with what
-- `ending` says of its partitioning; the old table, with all it holds, is storage.aside then, which nobody may touch.
CREATE FUNCTION storage.replace_table(name text, aside text, ending text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    old regclass := format('public.%I', name);
    statements text[];
    statement text;
    granted record;
BEGIN
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = old)
        OR EXISTS (SELECT FROM pg_depend WHERE refobjid = old AND classid = 'pg_rewrite'::regclass)
    THEN
        RAISE EXCEPTION '% has triggers, foreign keys or views, which would be left behind', name;
    END IF;
    SELECT array_agg(definition) INTO statements
    FROM (
        SELECT format('ALTER TABLE public.%I ADD CONSTRAINT %I %s', name, conname, pg_get_constraintdef(oid))
        FROM pg_constraint
        WHERE conrelid = old AND contype IN ('p', 'u')
        UNION ALL
        SELECT replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ')
        FROM pg_index
        WHERE indrelid = old AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ) AS found (definition);
    EXECUTE format('ALTER TABLE public.%I SET SCHEMA storage', name);
    EXECUTE format('ALTER TABLE storage.%I RENAME TO %I', name, aside);
    EXECUTE format(
        'CREATE TABLE public.%I (LIKE storage.%I INCLUDING ALL EXCLUDING INDEXES) %s', name, aside, ending
    );
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;
    -- What default privileges gave to the new table goes, and what the old one had comes.
    FOR granted IN
        SELECT
            relname,
            relnamespace,
            privilege_type,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role
        FROM pg_class CROSS JOIN LATERAL aclexplode(relacl)
        WHERE oid IN (old, format('public.%I', name)::regclass) AND grantee <> relowner
        ORDER BY relnamespace = 'storage'::regnamespace
    LOOP
        EXECUTE format(
            'REVOKE %s ON %I.%I FROM %s',
            granted.privilege_type, granted.relnamespace::regnamespace::text, granted.relname, granted.role
        );
        IF granted.relnamespace = 'storage'::regnamespace THEN
            EXECUTE format('GRANT %s ON public.%I TO %s', granted.privilege_type, name, granted.role);
        END IF;
    END LOOP;
END;
$$;

-- The columns of public.name that can be written, which generated ones cannot.
CREATE FUNCTION storage.writable_columns(name text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
    FROM pg_attribute
    WHERE attrelid = format('public.%I', name)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
$$;

-- Partition the plain table public.name by ranges of time_column, in place: what it holds becomes its default partition,
-- without being copied.
CREATE FUNCTION storage.partition_by_time(name text, time_column text, period text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM storage.replace_table(name, name || '_default', format('PARTITION BY RANGE (%I)', time_column));
    EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION storage.%I DEFAULT', name, name || '_default');
    INSERT INTO storage.policies (table_name, time_column, kept, period)
    VALUES (name, partition_by_time.time_column, 'partitions', partition_by_time.period);
END;
$$;

-- Make the partition of public.name that begins at `begins`, and move into it what the default partition has of its
-- time; return how many rows that were. Who writes to the table waits meanwhile, lest a row be in both or in neither;
-- who reads it waits at the end, for a moment.
CREATE FUNCTION storage.add_partition(name text, begins timestamptz) RETURNS bigint
LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    policy storage.policies;
    partition text := name || '_' || to_char(begins, 'YYYYMMDD');
    ends timestamptz;
    columns text := storage.writable_columns(name);
    moved bigint;
BEGIN
    SELECT * INTO STRICT policy FROM storage.policies WHERE table_name = name AND kept = 'partitions';
    ends := begins + ('1 ' || policy.period)::interval;
    EXECUTE format('LOCK TABLE public.%I IN SHARE ROW EXCLUSIVE MODE', name);
    EXECUTE format(
        'CREATE TABLE storage.%I (LIKE public.%I INCLUDING ALL EXCLUDING INDEXES)', partition, name
    );
    EXECUTE format(
        'WITH moved AS (DELETE FROM storage.%I WHERE %I >= $1 AND %I < $2 RETURNING *)'
        ' INSERT INTO storage.%I (%s) SELECT %s FROM moved',
        name || '_default', policy.time_column, policy.time_column, partition, columns, columns
    ) USING begins, ends;
    GET DIAGNOSTICS moved = ROW_COUNT;
    -- which makes its indexes
    EXECUTE format(
        'ALTER TABLE public.%I ATTACH PARTITION storage.%I FOR VALUES FROM (%L) TO (%L)', name, partition, begins, ends
    );
    RETURN moved;
END;
$$;

-- What `tidemark maintain` and the refreshing of the rollups did last, for `tidemark status`.
CREATE TABLE storage.last_runs (
    task text PRIMARY KEY,
    ended_at timestamptz NOT NULL,
    seconds double precision NOT NULL,
    failed boolean NOT NULL,
    result text NOT NULL
);
GRANT SELECT ON storage.last_runs TO tidemark_reader;
