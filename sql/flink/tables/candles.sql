-- Candles, stored
-- Question:  How did a price move within each minute?
-- Grain:     one row per venue, pair, resolution and window with a trade in it
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE candles (
    source STRING,
    symbol STRING,
    pair STRING,
    resolution STRING,
    window_start TIMESTAMP(3),
    window_end TIMESTAMP(3),
    `open` DOUBLE,
    high DOUBLE,
    low DOUBLE,
    `close` DOUBLE,
    vwap DOUBLE,
    volume DOUBLE,
    buy_volume DOUBLE,
    trade_count BIGINT,
    PRIMARY KEY (pair, resolution, window_start, source) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'candles'
);
