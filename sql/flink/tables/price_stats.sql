-- Price statistics, stored
-- Question:  Around which price has a pair moved, and how much?
-- Grain:     one row per venue, pair and sliding window with a trade in it
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE price_stats (
    source STRING,
    symbol STRING,
    pair STRING,
    window_start TIMESTAMP(3),
    window_end TIMESTAMP(3),
    moving_average DOUBLE,
    volatility_pct DOUBLE,
    min_price DOUBLE,
    max_price DOUBLE,
    trade_count BIGINT,
    PRIMARY KEY (pair, window_end, source) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'price_stats'
);
