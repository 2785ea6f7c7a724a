-- Tables of prices, market sentiment and macro series
-- Question:  Where does the job ingest put what is polled?
-- Grain:     said with each table
-- Key:       natural keys only, the same as in sql/flink/tables: writing a row again changes nothing.
--            They begin with what users search by, so one index serves both
-- Watermark: none

-- One row per coin, moment and aggregator. Two coins of an aggregator may share a symbol.
CREATE TABLE price_data (
    crypto_id text NOT NULL,
    symbol text NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    price_usd double precision NOT NULL,
    market_cap double precision,
    volume_24h double precision,
    change_1h double precision,
    change_24h double precision,
    change_7d double precision,
    ath double precision,
    atl double precision,
    circulating_supply double precision,
    event_time timestamptz(3) NOT NULL,
    ingest_time timestamptz(3) NOT NULL,
    PRIMARY KEY (symbol, event_time, source, crypto_id)
);

-- One row per moment and source.
CREATE TABLE market_sentiment_data (
    source text NOT NULL,
    value integer NOT NULL,
    classification text NOT NULL,
    event_time timestamptz(3) NOT NULL,
    PRIMARY KEY (event_time, source)
);

-- One row per series and day; a revised value replaces the one before. event_time is the day's midnight, UTC.
CREATE TABLE macro_data (
    indicator text NOT NULL,
    value double precision NOT NULL,
    date date NOT NULL,
    frequency text NOT NULL,
    event_time timestamptz(3) NOT NULL,
    PRIMARY KEY (indicator, date)
);
