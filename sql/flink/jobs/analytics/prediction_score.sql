-- Prediction scores
-- Question:  How good has each model been over the last ${SCORE_SIZE} and ${SCORE_LONG_SIZE}?
-- Grain:     one row per venue, pair, model and window of ${SCORE_SIZE} every ${SCORE_SLIDE}, and of ${SCORE_LONG_SIZE} every
--            ${SCORE_LONG_SLIDE}, in which an actual price came to be known
-- Key:       (pair, model_name, score_window, window_end, source)
-- Watermark: ${TRADES_WATERMARK} behind; later trades change no score
-- Formula:   mean absolute error = mean(|predicted - actual|), bias = mean(predicted - actual), both in the pair's
--            currency; coverage = share of the actual prices inside the interval; relative error = mean absolute error over that
--            of last_price for the same prices (R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy",
--            2006: relative MAE): below 1 the model beats the naive one; null where that made no error
INSERT INTO prediction_score
SELECT
    source,
    symbol,
    pair,
    model_name,
    score_window,
    window_start,
    window_end,
    error_sum / prediction_count,
    bias_sum / prediction_count,
    covered_count / prediction_count,
    error_sum / NULLIF(naive_sum, 0),
    prediction_count
FROM (
    SELECT
        ${SCORE_NAME} AS score_window,
        source,
        symbol,
        pair,
        model_name,
        window_start,
        window_end,
        CAST(SUM(error_sum) AS DOUBLE) AS error_sum,
        CAST(SUM(bias_sum) AS DOUBLE) AS bias_sum,
        CAST(SUM(naive_sum) AS DOUBLE) AS naive_sum,
        CAST(SUM(covered_count) AS DOUBLE) AS covered_count,
        SUM(prediction_count) AS prediction_count
    FROM TABLE(HOP(TABLE score_slices, DESCRIPTOR(slice_time), ${SCORE_SLIDE}, ${SCORE_SIZE}))
    GROUP BY window_start, window_end, source, symbol, pair, model_name
    UNION ALL
    SELECT
        ${SCORE_LONG_NAME} AS score_window,
        source,
        symbol,
        pair,
        model_name,
        window_start,
        window_end,
        CAST(SUM(error_sum) AS DOUBLE) AS error_sum,
        CAST(SUM(bias_sum) AS DOUBLE) AS bias_sum,
        CAST(SUM(naive_sum) AS DOUBLE) AS naive_sum,
        CAST(SUM(covered_count) AS DOUBLE) AS covered_count,
        SUM(prediction_count) AS prediction_count
    FROM TABLE(HOP(TABLE score_slices, DESCRIPTOR(slice_time), ${SCORE_LONG_SLIDE}, ${SCORE_LONG_SIZE}))
    GROUP BY window_start, window_end, source, symbol, pair, model_name
);
