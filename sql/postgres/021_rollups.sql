-- Hourly rollups
-- Question:  What was each hour like, long after its single rows are gone?
-- Grain:     said with each table; kept for ever
-- Key:       natural keys
-- Watermark: none: an hour is in them as far as it has come, and is computed anew when rows of it change
-- Triggers note the hours that rows were written to; sql/postgres/maintain/rollups computes these, and no others.

-- One row per venue, pair and hour with a ticker in it.
CREATE TABLE ticker_ohlc_hourly (
    source text NOT NULL,
    symbol text NOT NULL,
    pair text NOT NULL,
    hour_start timestamptz(3) NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    ticker_count bigint NOT NULL,
    PRIMARY KEY (pair, hour_start, source)
);

-- One row per coin and hour with a sentiment window that begins in it.
CREATE TABLE sentiment_hourly (
    crypto_symbol text NOT NULL,
    hour_start timestamptz(3) NOT NULL,
    sentiment_score double precision NOT NULL,
    lowest_score double precision NOT NULL,
    highest_score double precision NOT NULL,
    article_count bigint NOT NULL,
    PRIMARY KEY (crypto_symbol, hour_start)
);

-- Computed here, so written by nobody else.
REVOKE INSERT, UPDATE, DELETE ON ticker_ohlc_hourly, sentiment_hourly FROM tidemark_writer;

INSERT INTO storage.policies (table_name, time_column, kept) VALUES
('ticker_ohlc_hourly', 'hour_start', 'forever'),
('sentiment_hourly', 'hour_start', 'forever');

-- Hours of a table that were written to since its rollup was last computed. No key: writers add rows and never wait for each
-- other, and what is added while a rollup is computed stays for the next time.
CREATE TABLE storage.touched_hours (
    table_name text NOT NULL,
    hour_start timestamptz NOT NULL
);

INSERT INTO storage.touched_hours (table_name, hour_start)
SELECT DISTINCT
    'ticker_data',
    date_trunc('hour', event_time, 'UTC')
FROM ticker_data
UNION ALL
SELECT DISTINCT
    'sentiment_data',
    date_trunc('hour', window_start, 'UTC')
FROM sentiment_data;

-- As the migrator, since the writer has no right to the schema storage.
CREATE FUNCTION storage.note_touched_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO storage.touched_hours SELECT DISTINCT $1, date_trunc(''hour'', %I, ''UTC'') FROM changed', TG_ARGV[0]
    ) USING TG_TABLE_NAME;
    RETURN NULL;
END;
$$;

CREATE TRIGGER hours_of_new AFTER INSERT ON ticker_data REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION storage.note_touched_hours('event_time');
CREATE TRIGGER hours_of_changed AFTER UPDATE ON ticker_data REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION storage.note_touched_hours('event_time');
CREATE TRIGGER hours_before_change AFTER UPDATE ON ticker_data REFERENCING OLD TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION storage.note_touched_hours('event_time');
CREATE TRIGGER hours_of_gone AFTER DELETE ON ticker_data REFERENCING OLD TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION storage.note_touched_hours('event_time');

CREATE TRIGGER hours_of_new AFTER INSERT ON sentiment_data REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION storage.note_touched_hours('window_start');
CREATE TRIGGER hours_of_changed AFTER UPDATE ON sentiment_data REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION storage.note_touched_hours('window_start');
CREATE TRIGGER hours_before_change AFTER UPDATE ON sentiment_data REFERENCING OLD TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION storage.note_touched_hours('window_start');
CREATE TRIGGER hours_of_gone AFTER DELETE ON sentiment_data REFERENCING OLD TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION storage.note_touched_hours('window_start');
