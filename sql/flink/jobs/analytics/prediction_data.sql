-- Predictions
-- Question:  Where is a price expected next, and within which band?
-- Grain:     one row per venue, pair and sliding window of ${PREDICTION_SIZE} every ${PREDICTION_SLIDE}
-- Key:       (pair, model_name, window_end, source)
-- Watermark: ${TRADES_WATERMARK} behind; later trades are in no window
-- Formula:   predicted = mean of the trades' prices, band = mean ± sample standard deviation (0 for a single trade),
--            actual = the last price in the window
INSERT INTO prediction_data
SELECT
    source,
    symbol,
    pair,
    'moving_average',
    window_start,
    window_end,
    mean_price,
    actual_price,
    mean_price - stddev_price,
    mean_price + stddev_price,
    stddev_price,
    min_price,
    max_price,
    trade_count
FROM (
    SELECT
        source,
        symbol,
        pair,
        window_start,
        window_end,
        CAST(price_sum AS DOUBLE) / trade_count AS mean_price,
        -- Of equal prices the difference would be the rounding of the doubles, not nothing.
        CASE
            WHEN max_price > min_price
                THEN SQRT(GREATEST(
                    square_sum - CAST(price_sum AS DOUBLE) * CAST(price_sum AS DOUBLE) / trade_count, 0
                ) / (trade_count - 1))
            ELSE 0
        END AS stddev_price,
        CAST(SUBSTRING(last_tick FROM 79) AS DOUBLE) AS actual_price,
        min_price,
        max_price,
        trade_count
    FROM (
        SELECT
            source,
            symbol,
            pair,
            window_start,
            window_end,
            SUM(price_sum) AS price_sum,
            COALESCE(CAST(SUM(small_square_sum) AS DOUBLE), 0) + COALESCE(CAST(SUM(large_square_sum) AS DOUBLE), 0)
                AS square_sum,
            SUM(trade_count) AS trade_count,
            MAX(last_tick) AS last_tick,
            MIN(low) AS min_price,
            MAX(high) AS max_price
        FROM TABLE(HOP(TABLE bars, DESCRIPTOR(bar_time), ${PREDICTION_SLIDE}, ${PREDICTION_SIZE}))
        GROUP BY window_start, window_end, source, symbol, pair
    )
);
