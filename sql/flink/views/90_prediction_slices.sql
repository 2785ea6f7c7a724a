-- Prediction slices
-- Question:  What happened in each ${PREDICTION_SLIDE} of a market?
-- Grain:     one row per venue, pair and slice with a trade in it
-- Key:       (source, pair, slice_end)
-- Watermark: that of bars
-- Why:       the sliding windows of predictions are made of slices, so that each bar is touched once
-- Formula:   weight of a bar's trades = 0.5 ^ (age of the bar at the slice's end / ${PREDICTION_HALF_LIFE} s); rounded
--            to decimals, which sum up to the same in any order
CREATE TEMPORARY VIEW prediction_slices AS
SELECT
    window_end AS slice_end,
    window_time AS slice_time,
    source,
    symbol,
    pair,
    MAX(last_tick) AS last_tick,
    MAX(high) AS high,
    MIN(low) AS low,
    SUM(price_sum) AS price_sum,
    SUM(small_square_sum) AS small_square_sum,
    SUM(large_square_sum) AS large_square_sum,
    SUM(trade_count) AS trade_count,
    SUM(CAST(CAST(price_sum AS DOUBLE) * weight AS DECIMAL(38, 24))) AS weighted_price,
    SUM(CAST(trade_count * weight AS DECIMAL(38, 24))) AS weight
FROM (
    SELECT
        *,
        POWER(0.5E0, TIMESTAMPDIFF(SECOND, bar_start, window_end) / ${PREDICTION_HALF_LIFE}) AS weight
    FROM TABLE(TUMBLE(TABLE bars, DESCRIPTOR(bar_time), ${PREDICTION_SLIDE}))
)
GROUP BY window_start, window_end, window_time, source, symbol, pair;
