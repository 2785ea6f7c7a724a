-- Score slices
-- Question:  How far off was each model in each ${SCORE_SLIDE}?
-- Grain:     one row per venue, pair, model and slice in which an actual price came to be known
-- Key:       (source, pair, model_name, slice_time)
-- Watermark: that of bars
-- Formula:   error = predicted - actual; naive error = that of last_price; as decimals, which sum up to the same in any order
CREATE TEMPORARY VIEW score_slices AS
SELECT
    window_time AS slice_time,
    source,
    symbol,
    pair,
    model_name,
    SUM(ABS(error)) AS error_sum,
    SUM(error) AS bias_sum,
    SUM(ABS(naive_error)) AS naive_sum,
    SUM(covered) AS covered_count,
    COUNT(*) AS prediction_count
FROM (
    SELECT
        window_start,
        window_end,
        window_time,
        source,
        symbol,
        pair,
        model_name,
        CAST(predicted_price - actual_price AS DECIMAL(28, 18)) AS error,
        CAST(naive_price - actual_price AS DECIMAL(28, 18)) AS naive_error,
        CASE
            WHEN actual_price BETWEEN predicted_price - spread AND predicted_price + spread THEN 1 ELSE 0
        END AS covered
    FROM TABLE(TUMBLE(TABLE predictions, DESCRIPTOR(known_time), ${SCORE_SLIDE}))
    WHERE actual_price IS NOT NULL
)
GROUP BY window_start, window_end, window_time, source, symbol, pair, model_name;
