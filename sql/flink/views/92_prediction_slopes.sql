-- Prediction slopes
-- Question:  How much of a price's distance from its mean did the next ${PREDICTION_HORIZON} add, of late?
-- Grain:     one row per row of prediction_windows
-- Key:       (source, pair, window_end)
-- Watermark: that of bars
-- Formula:   least squares through the origin, over this window and the ${PREDICTION_MEMORY} before it: slope =
--            sum(x * y) / sum(x * x), where x = (last - mean) / last of the window that ended ${PREDICTION_HORIZON} earlier,
--            and y = the change of the last price since, relative to it; from -1 to 1, and 0 where nothing is known yet.
--            Negative means that prices return to their mean, positive that they go on
-- Why:       a model that goes on learning with every window, in SQL: see docs/decisions/0012. A window counts where it
--            has an unbroken chain of windows behind it, that is where the market was not silent for ${PREDICTION_SIZE}
CREATE TEMPORARY VIEW prediction_slopes AS
SELECT
    *,
    LEAST(GREATEST(COALESCE(CAST(xy_sum AS DOUBLE) / CAST(NULLIF(xx_sum, 0) AS DOUBLE), 0), -1), 1) AS slope
FROM (
    SELECT
        *,
        SUM(distance * price_change) OVER recent AS xy_sum,
        SUM(distance * distance) OVER recent AS xx_sum
    FROM (
        SELECT
            *,
            -- More than a hundredfold is not told apart: it could overflow.
            CASE
                WHEN met THEN CAST(LEAST(GREATEST(1 - past_mean / past_last, -100), 100) AS DECIMAL(18, 15))
            END AS distance,
            CASE
                WHEN met THEN CAST(LEAST(last_price / past_last - 1, 100) AS DECIMAL(18, 15))
            END AS price_change
        FROM (
            SELECT
                *,
                COALESCE(past_end = window_end - ${PREDICTION_HORIZON}, FALSE) AS met
            FROM (
                SELECT
                    *,
                    LAG(window_end, ${PREDICTION_STEPS}) OVER in_order AS past_end,
                    LAG(last_price, ${PREDICTION_STEPS}) OVER in_order AS past_last,
                    LAG(mean_price, ${PREDICTION_STEPS}) OVER in_order AS past_mean
                FROM prediction_windows
                WINDOW in_order AS (PARTITION BY source, symbol, pair ORDER BY window_time)
            )
        )
    )
    WINDOW recent AS (
        PARTITION BY source, symbol, pair
        ORDER BY window_time
        ROWS BETWEEN ${PREDICTION_MEMORY} PRECEDING AND CURRENT ROW
    )
);
