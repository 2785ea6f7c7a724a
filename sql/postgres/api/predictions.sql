-- Predictions of a coin
-- Question: What did each model predict, and what came?
-- Grain:    one row per venue, pair, model and window, newest first; after (last, after_pair, after_model, after_source)
SELECT
    window_end AS timestamp,
    target_time,
    source,
    crypto_symbol,
    pair,
    model_name,
    predicted_price,
    actual_price,
    confidence_interval_low,
    confidence_interval_high,
    actual_price BETWEEN confidence_interval_low AND confidence_interval_high AS in_interval,
    price_stddev,
    min_price,
    max_price,
    trade_count
FROM prediction_data
WHERE
    crypto_symbol = %(symbol)s
    AND window_end >= %(start)s
    AND window_end <= %(last)s
    AND (window_end, pair, model_name, source) < (%(last)s, %(after_pair)s, %(after_model)s, %(after_source)s)
    AND (%(model)s::text IS NULL OR model_name = %(model)s)
    AND (%(pair)s::text IS NULL OR pair = %(pair)s)
ORDER BY window_end DESC, pair DESC, model_name DESC, source DESC
LIMIT %(rows)s;
