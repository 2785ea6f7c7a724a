-- Expected spreads
-- Question:  How far from the expected price may the actual one well be?
-- Grain:     one row per row of prediction_windows
-- Key:       (source, pair, window_end)
-- Watermark: that of bars
-- Formula:   spread = half the width of the interval: of moving_average the standard deviation of the window's prices; of
--            the others the expected price times the root mean square of the model's relative errors, in this window and
--            the ${PREDICTION_MEMORY} before it; until there is an error the standard deviation
CREATE TEMPORARY VIEW expected_spreads AS
SELECT
    *,
    ARRAY[stddev_price, last_price_spread, exponential_spread, least_squares_spread] AS spread,
    ARRAY[
        past_stddev,
        LAG(last_price_spread, ${PREDICTION_STEPS}) OVER in_order,
        LAG(exponential_spread, ${PREDICTION_STEPS}) OVER in_order,
        LAG(least_squares_spread, ${PREDICTION_STEPS}) OVER in_order
    ] AS past_spread
FROM (
    SELECT
        *,
        COALESCE(expected[2] * SQRT(CAST(AVG(last_price_error) OVER recent AS DOUBLE)), stddev_price)
            AS last_price_spread,
        COALESCE(expected[3] * SQRT(CAST(AVG(exponential_error) OVER recent AS DOUBLE)), stddev_price)
            AS exponential_spread,
        COALESCE(expected[4] * SQRT(CAST(AVG(least_squares_error) OVER recent AS DOUBLE)), stddev_price)
            AS least_squares_spread
    FROM (
        SELECT
            *,
            -- More than a hundredfold is not told apart: it could overflow.
            CASE
                WHEN met THEN CAST(POWER(LEAST(past_expected[2] / last_price - 1, 100), 2) AS DECIMAL(38, 30))
            END AS last_price_error,
            CASE
                WHEN met THEN CAST(POWER(LEAST(past_expected[3] / last_price - 1, 100), 2) AS DECIMAL(38, 30))
            END AS exponential_error,
            CASE
                WHEN met THEN CAST(POWER(LEAST(past_expected[4] / last_price - 1, 100), 2) AS DECIMAL(38, 30))
            END AS least_squares_error
        FROM expected_prices
    )
    WINDOW recent AS (
        PARTITION BY source, symbol, pair
        ORDER BY window_time
        ROWS BETWEEN ${PREDICTION_MEMORY} PRECEDING AND CURRENT ROW
    )
)
WINDOW in_order AS (PARTITION BY source, symbol, pair ORDER BY window_time);
