-- Prediction scores, stored
-- Question:  How good has each model been?
-- Grain:     one row per venue, pair, model, length of the window and window
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE prediction_score (
    source STRING,
    crypto_symbol STRING,
    pair STRING,
    model_name STRING,
    score_window STRING,
    window_start TIMESTAMP(3),
    window_end TIMESTAMP(3),
    mean_absolute_error DOUBLE,
    bias DOUBLE,
    coverage DOUBLE,
    relative_error DOUBLE,
    prediction_count BIGINT,
    PRIMARY KEY (pair, model_name, score_window, window_end, source) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'prediction_score'
);
