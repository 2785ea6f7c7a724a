-- Baselines
-- Question:  How far does a price usually move within a minute, and how much is usually traded?
-- Grain:     one row per venue, pair and minute: the ${IMPACT_ESTIMATION} until its end
-- Key:       (source, pair, baseline_time)
-- Watermark: that of trades_timed
-- Formula:   number, sum and sum of squares of the 1-minute log returns, which give their mean and variance; volume and number
--            of the minutes with a trade
CREATE TEMPORARY VIEW baselines AS
SELECT
    window_time AS baseline_time,
    source,
    symbol,
    pair,
    COUNT(log_return) AS return_count,
    SUM(log_return) AS return_sum,
    SUM(CAST(log_return * log_return AS DECIMAL(28, 20))) AS return_square_sum,
    SUM(volume) AS minutes_volume,
    COUNT(*) AS minute_count
FROM TABLE(HOP(TABLE market_minutes, DESCRIPTOR(minute_time), INTERVAL '1' MINUTE, ${IMPACT_ESTIMATION}))
GROUP BY window_start, window_end, window_time, source, symbol, pair;
