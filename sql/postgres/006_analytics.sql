-- Analytics
-- Question:  Where does the job analytics put statistics, rankings, and how good predictions were?
-- Grain:     said with each table
-- Key:       natural keys only, the same as in sql/flink/tables: writing a row again changes nothing.
--            They begin with what users search by, so one index serves both
-- Watermark: none

-- The time whose price is predicted. Until now the actual price was the last one inside the window that the prediction
-- was made of; rows of before have no target_time.
ALTER TABLE prediction_data ADD COLUMN target_time timestamptz(3);

-- One row per venue, pair and sliding window with a trade in it. Volatility is null for fewer than three candles.
CREATE TABLE price_stats (
    source text NOT NULL,
    symbol text NOT NULL,
    pair text NOT NULL,
    window_start timestamptz(3) NOT NULL,
    window_end timestamptz(3) NOT NULL,
    moving_average double precision NOT NULL,
    volatility_pct double precision,
    min_price double precision NOT NULL,
    max_price double precision NOT NULL,
    trade_count bigint NOT NULL,
    PRIMARY KEY (pair, window_end, source)
);

-- One row per aggregator, coin and hour with a price in it. Two coins of an aggregator may share a symbol.
CREATE TABLE price_hourly (
    source text NOT NULL,
    crypto_id text NOT NULL,
    symbol text NOT NULL,
    hour_start timestamptz(3) NOT NULL,
    mean_price double precision NOT NULL,
    min_price double precision NOT NULL,
    max_price double precision NOT NULL,
    price_count bigint NOT NULL,
    PRIMARY KEY (symbol, hour_start, source, crypto_id)
);

-- One row per venue, pair and day; that of today grows. Turnover, in what the pair is quoted in, is null beyond 10^22.
CREATE TABLE volume_daily (
    source text NOT NULL,
    symbol text NOT NULL,
    pair text NOT NULL,
    day_start timestamptz(3) NOT NULL,
    volume double precision NOT NULL,
    buy_volume double precision NOT NULL,
    turnover double precision,
    trade_count bigint NOT NULL,
    PRIMARY KEY (pair, day_start, source)
);

-- One row per aggregator, window and coin among the best; the best has place 1.
CREATE TABLE ranking_24h (
    source text NOT NULL,
    crypto_id text NOT NULL,
    symbol text NOT NULL,
    window_end timestamptz(3) NOT NULL,
    place bigint NOT NULL,
    change_24h double precision NOT NULL,
    price_usd double precision NOT NULL,
    PRIMARY KEY (source, window_end, crypto_id)
);

-- One row per venue, pair, model, length of the window (1h, 1d …) and window.
-- relative_error: against the model last_price; null where that made no error.
CREATE TABLE prediction_score (
    source text NOT NULL,
    crypto_symbol text NOT NULL,
    pair text NOT NULL,
    model_name text NOT NULL,
    score_window text NOT NULL,
    window_start timestamptz(3) NOT NULL,
    window_end timestamptz(3) NOT NULL,
    mean_absolute_error double precision NOT NULL,
    bias double precision NOT NULL,
    coverage double precision NOT NULL,
    relative_error double precision,
    prediction_count bigint NOT NULL,
    PRIMARY KEY (pair, model_name, score_window, window_end, source)
);
CREATE INDEX prediction_score_by_symbol ON prediction_score (crypto_symbol, window_end);
