-- Predictions, with what became of them
-- Question:  What does each model predict, and what became of what it predicted?
-- Grain:     two rows per venue, pair, model and window: one when the window closes, without an actual price, and one with
--            it ${PREDICTION_HORIZON} later, unless the market was silent for ${PREDICTION_SIZE} in between
-- Key:       (source, pair, model_name, prediction_end, known_time)
-- Watermark: that of bars
-- Formula:   actual price = the last one ${PREDICTION_HORIZON} after prediction_end; naive price = what last_price predicted
-- Why:       both leave one operator in this order, so that in a table the later one replaces the other. Arrays of all columns,
--            because Flink would else compute all before once more for whatever reads fewer columns
CREATE TEMPORARY VIEW predictions AS
SELECT
    m.known_time,
    m.source,
    m.symbol,
    m.pair,
    m.model_name,
    r.prediction_start,
    r.prediction_end,
    r.predicted_price,
    r.actual_price,
    r.naive_price,
    r.spread,
    r.price_stddev,
    r.min_price,
    r.max_price,
    r.trade_count
FROM (
    SELECT
        w.window_time AS known_time,
        w.source,
        w.symbol,
        w.pair,
        e.model_name,
        ARRAY[
            ROW(
                w.past_start,
                CASE WHEN w.met THEN w.past_end END,
                w.past_expected[e.n],
                w.last_price,
                w.past_last,
                w.past_spread[e.n],
                w.past_stddev,
                w.past_min,
                w.past_max,
                w.past_count
            ),
            ROW(
                w.window_start,
                w.window_end,
                w.expected[e.n],
                CAST(NULL AS DOUBLE),
                w.last_price,
                w.spread[e.n],
                w.stddev_price,
                w.min_price,
                w.max_price,
                w.trade_count
            )
        ] AS past_and_present
    FROM (
        SELECT
            *,
            ARRAY[
                ROW(1, CAST('moving_average' AS STRING)),
                ROW(2, CAST('last_price' AS STRING)),
                ROW(3, CAST('exponential_average' AS STRING)),
                ROW(4, CAST('least_squares' AS STRING))
            ] AS model_names
        FROM expected_spreads
    ) AS w
    CROSS JOIN UNNEST(w.model_names) AS e (n, model_name)
) AS m
CROSS JOIN
    UNNEST(m.past_and_present) AS r (
        prediction_start,
        prediction_end,
        predicted_price,
        actual_price,
        naive_price,
        spread,
        price_stddev,
        min_price,
        max_price,
        trade_count
    )
WHERE r.prediction_end IS NOT NULL;
