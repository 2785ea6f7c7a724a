-- Expected prices
-- Question:  Which price does each model expect ${PREDICTION_HORIZON} after each window, and which did it expect for its end?
-- Grain:     one row per row of prediction_windows
-- Key:       (source, pair, window_end)
-- Watermark: that of bars
-- Formula:   1 moving_average: the mean of the window; 2 last_price: its last price; 3 exponential_average: its exponential
--            mean; 4 least_squares: last + slope * (last - mean)
-- Why:       past_… is of the window that ended ${PREDICTION_HORIZON} earlier. Numbers one by one, since in batch Flink has no LAG of
--            an array
CREATE TEMPORARY VIEW expected_prices AS
SELECT
    *,
    LAG(window_start, ${PREDICTION_STEPS}) OVER in_order AS past_start,
    ARRAY[mean_price, last_price, exponential_price, least_squares_price] AS expected,
    ARRAY[
        past_mean,
        past_last,
        LAG(exponential_price, ${PREDICTION_STEPS}) OVER in_order,
        LAG(least_squares_price, ${PREDICTION_STEPS}) OVER in_order
    ] AS past_expected,
    LAG(stddev_price, ${PREDICTION_STEPS}) OVER in_order AS past_stddev,
    LAG(min_price, ${PREDICTION_STEPS}) OVER in_order AS past_min,
    LAG(max_price, ${PREDICTION_STEPS}) OVER in_order AS past_max,
    LAG(trade_count, ${PREDICTION_STEPS}) OVER in_order AS past_count
FROM (
    SELECT
        *,
        GREATEST(last_price + slope * (last_price - mean_price), 0E0) AS least_squares_price
    FROM prediction_slopes
)
WINDOW in_order AS (PARTITION BY source, symbol, pair ORDER BY window_time);
