-- Hourly tickers, as PostgreSQL keeps them
-- Question:  How did the last price of a market move in an hour?
-- Grain:     one row per venue, pair and hour with a ticker in it
-- Key:       the primary key, which is PostgreSQL's too
-- Watermark: none (computed by `tidemark maintain`, written by no job); times are UTC
CREATE TABLE ticker_ohlc_hourly (
    source STRING,
    symbol STRING,
    pair STRING,
    hour_start TIMESTAMP(3),
    `open` DOUBLE,
    high DOUBLE,
    low DOUBLE,
    `close` DOUBLE,
    ticker_count BIGINT,
    PRIMARY KEY (pair, hour_start, source) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'ticker_ohlc_hourly'
);
