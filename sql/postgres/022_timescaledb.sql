-- TimescaleDB
-- Question:  How are tables kept where the extension TimescaleDB is in the database?
-- Grain:     none
-- Key:       none
-- Watermark: none
-- Extension: timescaledb
-- In place of partitions of ours there are hypertables, in place of compact ones compressed chunks, in place of rollups
-- continuous aggregates. `tidemark maintain` gives the settings to TimescaleDB's own jobs, which do the work.

CREATE FUNCTION storage.chunk_by_time(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    policy storage.policies;
    columns text := storage.writable_columns(name);
    segment text;
BEGIN
    SELECT * INTO STRICT policy FROM storage.policies WHERE table_name = name;
    PERFORM storage.replace_table(name, name || '_old', '');
    PERFORM create_hypertable(
        format('public.%I', name)::regclass, policy.time_column::name,
        chunk_time_interval => ('1 ' || policy.period)::interval, create_default_indexes => FALSE
    );
    EXECUTE format('INSERT INTO public.%I (%s) SELECT %s FROM storage.%I', name, columns, columns, name || '_old');
    EXECUTE format('DROP TABLE storage.%I', name || '_old');
    -- Rows of one series lie together: that of the first column of the key.
    SELECT attname INTO STRICT segment
    FROM pg_index INNER JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
    WHERE indrelid = format('public.%I', name)::regclass AND indisprimary;
    EXECUTE format(
        'ALTER TABLE public.%I SET (timescaledb.compress, timescaledb.compress_segmentby = %L,'
        ' timescaledb.compress_orderby = %L)',
        name, quote_ident(segment), quote_ident(policy.time_column) || ' DESC'
    );
    UPDATE storage.policies SET kept = 'chunks' WHERE table_name = name;
END;
$$;

DROP TRIGGER hours_of_new ON ticker_data;
DROP TRIGGER hours_of_changed ON ticker_data;
DROP TRIGGER hours_before_change ON ticker_data;
DROP TRIGGER hours_of_gone ON ticker_data;
DROP TRIGGER hours_of_new ON sentiment_data;
DROP TRIGGER hours_of_changed ON sentiment_data;
DROP TRIGGER hours_before_change ON sentiment_data;
DROP TRIGGER hours_of_gone ON sentiment_data;

SELECT storage.chunk_by_time(table_name)
FROM storage.policies
WHERE kept = 'partitions';

-- Set aside, not dropped: they may have hours whose rows are gone, of which an aggregate can know nothing.
ALTER TABLE ticker_ohlc_hourly SET SCHEMA storage;
ALTER TABLE sentiment_hourly SET SCHEMA storage;

CREATE MATERIALIZED VIEW ticker_ohlc_hourly
WITH (timescaledb.continuous, timescaledb.materialized_only = FALSE) AS
SELECT
    source,
    min(symbol) AS symbol,
    pair,
    time_bucket(interval '1 hour', event_time) AS hour_start,
    first(last, event_time) AS open,
    max(last) AS high,
    min(last) AS low,
    last(last, event_time) AS close,
    count(*) AS ticker_count
FROM ticker_data
GROUP BY source, pair, hour_start
WITH NO DATA;

CREATE MATERIALIZED VIEW sentiment_hourly
WITH (timescaledb.continuous, timescaledb.materialized_only = FALSE) AS
SELECT
    crypto_symbol,
    time_bucket(interval '1 hour', window_start) AS hour_start,
    (sum(sentiment_score::numeric * article_count) / sum(article_count))::double precision AS sentiment_score,
    min(sentiment_score) AS lowest_score,
    max(sentiment_score) AS highest_score,
    sum(article_count)::bigint AS article_count
FROM sentiment_data
GROUP BY crypto_symbol, hour_start
WITH NO DATA;

REVOKE INSERT, UPDATE, DELETE ON ticker_ohlc_hourly, sentiment_hourly FROM tidemark_writer;

-- Give TimescaleDB's jobs the settings. An aggregate is refreshed no further back than there are rows, or it would forget.
CREATE FUNCTION storage.set_chunk_policies(retention interval, compact_after interval, refresh interval) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT format('public.%I', table_name) FROM storage.policies WHERE kept = 'chunks' LOOP
        PERFORM remove_retention_policy(name::regclass, if_exists => TRUE);
        PERFORM add_retention_policy(name::regclass, drop_after => retention);
        PERFORM remove_compression_policy(name::regclass, if_exists => TRUE);
        PERFORM add_compression_policy(name::regclass, compress_after => compact_after);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['public.ticker_ohlc_hourly', 'public.sentiment_hourly'] LOOP
        PERFORM remove_continuous_aggregate_policy(name::regclass, if_exists => TRUE);
        PERFORM add_continuous_aggregate_policy(
            name::regclass, start_offset => retention, end_offset => interval '1 hour', schedule_interval => refresh
        );
    END LOOP;
END;
$$;
