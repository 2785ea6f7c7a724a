-- Bars
-- Question:  What happened in each ${BAR_SIZE} of a market?
-- Grain:     one row per venue, pair and bar with a trade in it
-- Key:       (source, pair, bar_start)
-- Watermark: that of trades_timed; a trade behind it is in no bar
-- Why:       everything that is computed over time builds on bars, so each trade is touched once. A trade sent twice
--            counts once. Sums are decimal and the order is (event_time, trade_id), so that neither the order
--            of arrival nor the batching changes a digit. A tick is event_time (13 digits), trade_id (filled up to 64)
--            and "|", so its price begins at 79
CREATE TEMPORARY VIEW bars AS
SELECT
    window_start AS bar_start,
    window_time AS bar_time,
    source,
    symbol,
    pair,
    MIN(tick) AS first_tick,
    MAX(tick) AS last_tick,
    MAX(price) AS high,
    MIN(price) AS low,
    SUM(exact_quantity) AS volume,
    SUM(exact_quantity) FILTER (WHERE side = 'buy') AS buy_volume,
    SUM(exact_price * exact_quantity) AS turnover,
    SUM(exact_price) AS price_sum,
    -- Two sums, because no decimal is both fine enough for the squares of the smallest prices and wide enough for the
    -- largest; a sum that overflows would begin again at nothing.
    SUM(small_price * small_price) AS small_square_sum,
    SUM(CAST(exact_price * exact_price AS DECIMAL(38, 10))) FILTER (WHERE small_price IS NULL) AS large_square_sum,
    COUNT(*) AS trade_count
FROM (
    SELECT
        window_start,
        window_end,
        window_time,
        source,
        symbol,
        pair,
        MIN(CONCAT(LPAD(CAST(event_time AS STRING), 13, '0'), LPAD(trade_id, 64, '0'), '|', CAST(price AS STRING)))
            AS tick,
        MIN(price) AS price,
        CAST(MIN(price) AS DECIMAL(22, 12)) AS exact_price,
        CAST(MIN(price) AS DECIMAL(16, 12)) AS small_price,  -- null from 10,000 on
        CAST(MIN(quantity) AS DECIMAL(24, 12)) AS exact_quantity,
        MIN(side) AS side
    FROM TABLE(TUMBLE(TABLE trades_timed, DESCRIPTOR(rowtime), ${BAR_SIZE}))
    GROUP BY window_start, window_end, window_time, source, symbol, pair, trade_id
)
GROUP BY window_start, window_end, window_time, source, symbol, pair;
