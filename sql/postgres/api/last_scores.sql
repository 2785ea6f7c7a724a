-- Last scores of the models for a coin
-- Question: How good has each model been of late, and is it better than saying that the price stays?
-- Grain:    one row per venue, pair, model and length of the scored time
SELECT DISTINCT ON (pair, source, model_name, score_window)
    window_end AS timestamp,
    source,
    pair,
    model_name,
    score_window,
    mean_absolute_error,
    bias,
    coverage,
    relative_error,
    relative_error < 1 AS better_than_naive,
    prediction_count
FROM prediction_score
WHERE crypto_symbol = %(symbol)s AND window_end >= %(since)s
ORDER BY pair ASC, source ASC, model_name ASC, score_window ASC, window_end DESC;
