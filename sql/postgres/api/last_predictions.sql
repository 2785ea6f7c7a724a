-- Last predictions of a coin
-- Question: What does each model predict now?
-- Grain:    one row per venue, pair and model that has predicted within the minutes before the newest prediction
SELECT DISTINCT ON (pair, source, model_name)
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
    AND window_end >= %(since)s
    AND window_end >= (
        SELECT max(newest.window_end) - interval '10 minutes'
        FROM prediction_data AS newest
        WHERE newest.crypto_symbol = %(symbol)s AND newest.window_end >= %(since)s
    )
ORDER BY pair ASC, source ASC, model_name ASC, window_end DESC;
