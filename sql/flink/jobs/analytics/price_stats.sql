-- Price statistics
-- Question:  Around which price has a pair moved over the last ${STATS_SIZE}, and how much?
-- Grain:     one row per venue, pair and window of ${STATS_SIZE} every ${STATS_SLIDE} with a trade in it
-- Key:       (pair, window_end, source)
-- Watermark: ${TRADES_WATERMARK} behind; later trades are in no window
-- Formula:   moving average = mean of the closes of the window's candles of ${CANDLE_SIZE}; volatility = 100 * sample
--            standard deviation of their log returns, in percent per candle, not annualised (J. C. Hull, Options,
--            Futures, and Other Derivatives, "Estimating volatility from historical data"): null for fewer than two
--            returns. Minimum and maximum are of all trades
INSERT INTO price_stats
SELECT
    source,
    symbol,
    pair,
    window_start,
    window_end,
    CAST(SUM(CAST(`close` AS DECIMAL(22, 12))) AS DOUBLE) / COUNT(*),
    CASE
        WHEN COUNT(log_return) < 2 THEN CAST(NULL AS DOUBLE)
        -- Of equal returns the difference would be the rounding of the doubles, not nothing.
        WHEN MIN(log_return) = MAX(log_return) THEN 0E0
        ELSE 100 * SQRT(GREATEST(
            CAST(SUM(CAST(log_return * log_return AS DECIMAL(38, 28))) AS DOUBLE)
            - CAST(SUM(log_return) AS DOUBLE) * CAST(SUM(log_return) AS DOUBLE) / COUNT(log_return), 0
        ) / (COUNT(log_return) - 1))
    END,
    MIN(low),
    MAX(high),
    SUM(trade_count)
FROM TABLE(HOP(TABLE candle_returns, DESCRIPTOR(candle_time), ${STATS_SLIDE}, ${STATS_SIZE}))
GROUP BY window_start, window_end, source, symbol, pair;
