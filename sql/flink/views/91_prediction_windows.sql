-- Prediction windows
-- Question:  What is known of a price at the end of each ${PREDICTION_SIZE}?
-- Grain:     one row per venue, pair and window of ${PREDICTION_SIZE} every ${PREDICTION_SLIDE} with a trade in it
-- Key:       (source, pair, window_end)
-- Watermark: that of bars
-- Formula:   mean and sample standard deviation (0 for a single trade) of the trades' prices; exponential mean = that
--            mean with the weights of prediction_slices
CREATE TEMPORARY VIEW prediction_windows AS
SELECT
    window_start,
    window_end,
    window_time,
    source,
    symbol,
    pair,
    last_price,
    -- Rounding must not carry a mean beyond the prices that it is of: a price that stands still is predicted exactly.
    LEAST(GREATEST(CAST(price_sum AS DOUBLE) / trade_count, min_price), max_price) AS mean_price,
    -- Of equal prices the difference would be the rounding of the doubles, not nothing.
    CASE
        WHEN max_price > min_price
            THEN SQRT(GREATEST(
                square_sum - CAST(price_sum AS DOUBLE) * CAST(price_sum AS DOUBLE) / trade_count, 0
            ) / (trade_count - 1))
        ELSE 0
    END AS stddev_price,
    COALESCE(
        LEAST(GREATEST(CAST(weighted_price AS DOUBLE) / CAST(NULLIF(weight, 0) AS DOUBLE), min_price), max_price),
        last_price
    ) AS exponential_price,
    min_price,
    max_price,
    trade_count
FROM (
    SELECT
        window_start,
        window_end,
        window_time,
        source,
        symbol,
        pair,
        CAST(SUBSTRING(MAX(last_tick) FROM 79) AS DOUBLE) AS last_price,
        SUM(price_sum) AS price_sum,
        COALESCE(CAST(SUM(small_square_sum) AS DOUBLE), 0) + COALESCE(CAST(SUM(large_square_sum) AS DOUBLE), 0)
            AS square_sum,
        SUM(trade_count) AS trade_count,
        SUM(CAST(CAST(weighted_price AS DOUBLE) * fading AS DECIMAL(38, 24))) AS weighted_price,
        SUM(CAST(CAST(weight AS DOUBLE) * fading AS DECIMAL(38, 24))) AS weight,
        MIN(low) AS min_price,
        MAX(high) AS max_price
    FROM (
        SELECT
            *,
            POWER(0.5E0, TIMESTAMPDIFF(SECOND, slice_end, window_end) / ${PREDICTION_HALF_LIFE}) AS fading
        FROM TABLE(HOP(TABLE prediction_slices, DESCRIPTOR(slice_time), ${PREDICTION_SLIDE}, ${PREDICTION_SIZE}))
    )
    GROUP BY window_start, window_end, window_time, source, symbol, pair
);
