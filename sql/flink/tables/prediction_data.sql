-- Predictions, stored
-- Question:  Where is a price expected, and within which band?
-- Grain:     one row per venue, pair, model and window
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE prediction_data (
    source STRING,
    crypto_symbol STRING,
    pair STRING,
    model_name STRING,
    window_start TIMESTAMP(3),
    window_end TIMESTAMP(3),
    target_time TIMESTAMP(3),
    predicted_price DOUBLE,
    actual_price DOUBLE,
    confidence_interval_low DOUBLE,
    confidence_interval_high DOUBLE,
    price_stddev DOUBLE,
    min_price DOUBLE,
    max_price DOUBLE,
    trade_count BIGINT,
    PRIMARY KEY (pair, model_name, window_end, source) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'prediction_data'
);
