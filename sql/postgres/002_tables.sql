-- Tables
-- Question:  Where does each job put its rows?
-- Grain:     said with each table
-- Key:       natural keys only, the same as in sql/flink/tables: writing a row again changes nothing.
--            They begin with what users search by (pair, then time), so one index serves both
-- Watermark: none

-- One row per trade.
CREATE TABLE trade_data (
    source text NOT NULL,
    symbol text NOT NULL,
    pair text NOT NULL,
    trade_id text NOT NULL,
    price double precision NOT NULL,
    quantity double precision NOT NULL,
    side text NOT NULL,
    event_time timestamptz(3) NOT NULL,
    ingest_time timestamptz(3) NOT NULL,
    PRIMARY KEY (pair, event_time, source, trade_id)
);

-- One row per venue, pair and moment.
CREATE TABLE ticker_data (
    source text NOT NULL,
    symbol text NOT NULL,
    pair text NOT NULL,
    last double precision NOT NULL,
    bid double precision,
    ask double precision,
    volume_24h double precision,
    change_pct double precision,
    event_time timestamptz(3) NOT NULL,
    ingest_time timestamptz(3) NOT NULL,
    PRIMARY KEY (pair, event_time, source)
);

-- One row per article. The list of coins arrives as text, because Flink's JDBC sink writes no arrays.
CREATE TABLE article_data (
    id text PRIMARY KEY,
    title text NOT NULL,
    url text NOT NULL,
    website text NOT NULL,
    summary text NOT NULL,
    cryptocurrencies_mentioned text NOT NULL,
    symbols text [] GENERATED ALWAYS AS (string_to_array(cryptocurrencies_mentioned, ',')) STORED,
    sentiment_score double precision NOT NULL,
    sentiment_polarity double precision NOT NULL,
    sentiment_label text NOT NULL,
    source text NOT NULL,
    event_time timestamptz(3) NOT NULL,
    ingest_time timestamptz(3) NOT NULL
);
CREATE INDEX article_data_by_time ON article_data (event_time);
CREATE INDEX article_data_by_symbol ON article_data USING gin (symbols);

-- One row per trade and article around it; a trade without news once, with an empty article_id.
CREATE TABLE enriched_trades (
    source text NOT NULL,
    symbol text NOT NULL,
    pair text NOT NULL,
    trade_id text NOT NULL,
    price double precision NOT NULL,
    quantity double precision NOT NULL,
    side text NOT NULL,
    trade_time timestamptz(3) NOT NULL,
    article_id text NOT NULL,
    news_title text,
    news_time timestamptz(3),
    sentiment double precision,
    sentiment_label text,
    window_start timestamptz(3) NOT NULL,
    window_end timestamptz(3) NOT NULL,
    window_5m_start timestamptz(3) NOT NULL,
    window_5m_end timestamptz(3) NOT NULL,
    PRIMARY KEY (pair, trade_time, source, trade_id, article_id)
);

-- One row per venue, pair, resolution and window with a trade in it.
CREATE TABLE candles (
    source text NOT NULL,
    symbol text NOT NULL,
    pair text NOT NULL,
    resolution text NOT NULL,
    window_start timestamptz(3) NOT NULL,
    window_end timestamptz(3) NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    vwap double precision,  -- null where the volume is less than 10^-12
    volume double precision NOT NULL,
    buy_volume double precision NOT NULL,
    trade_count bigint NOT NULL,
    PRIMARY KEY (pair, resolution, window_start, source)
);

-- One row per coin and window with an article that mentions it.
CREATE TABLE sentiment_data (
    crypto_symbol text NOT NULL,
    window_start timestamptz(3) NOT NULL,
    window_end timestamptz(3) NOT NULL,
    sentiment_score double precision NOT NULL,
    sentiment_label text NOT NULL,
    confidence double precision NOT NULL,
    article_count bigint NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (crypto_symbol, window_start)
);

-- One row per venue, pair, model and sliding window.
CREATE TABLE prediction_data (
    source text NOT NULL,
    crypto_symbol text NOT NULL,
    pair text NOT NULL,
    model_name text NOT NULL,
    window_start timestamptz(3) NOT NULL,
    window_end timestamptz(3) NOT NULL,
    predicted_price double precision NOT NULL,
    actual_price double precision,
    confidence_interval_low double precision NOT NULL,
    confidence_interval_high double precision NOT NULL,
    price_stddev double precision NOT NULL,
    min_price double precision NOT NULL,
    max_price double precision NOT NULL,
    trade_count bigint NOT NULL,
    PRIMARY KEY (pair, model_name, window_end, source)
);
CREATE INDEX prediction_data_by_symbol ON prediction_data (crypto_symbol, window_end);

-- One row per alert.
CREATE TABLE alert_data (
    alert_id text PRIMARY KEY,
    alert_type text NOT NULL,
    symbol text NOT NULL,
    pair text,
    last_price double precision,
    change_percent double precision,
    threshold double precision NOT NULL,
    severity text NOT NULL,
    detail text NOT NULL,
    event_time timestamptz(3) NOT NULL,
    detected_at timestamptz(3) NOT NULL
);
CREATE INDEX alert_data_by_time ON alert_data (event_time);
CREATE INDEX alert_data_by_symbol ON alert_data (symbol, event_time);
