-- Predictions
-- Question:  Where is a price expected in ${PREDICTION_HORIZON}, within which band, and where was it then?
-- Grain:     one row per venue, pair, model and sliding window of ${PREDICTION_SIZE} every ${PREDICTION_SLIDE}; written when
--            the window closes, and again with the actual price when that is known
-- Key:       (pair, model_name, window_end, source)
-- Watermark: ${TRADES_WATERMARK} behind; later trades are in no window
-- Formula:   models: see expected_prices; band: expected_spreads; actual price: predictions. What is predicted is the last
--            price at target_time = window_end + ${PREDICTION_HORIZON}, which the model has not seen
INSERT INTO prediction_data
SELECT
    source,
    symbol,
    pair,
    model_name,
    prediction_start,
    prediction_end,
    prediction_end + ${PREDICTION_HORIZON},
    predicted_price,
    actual_price,
    predicted_price - spread,
    predicted_price + spread,
    price_stddev,
    min_price,
    max_price,
    trade_count
FROM predictions;
