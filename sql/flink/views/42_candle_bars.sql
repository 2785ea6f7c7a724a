-- Candle bars
-- Question:  What happened in each ${CANDLE_SIZE} of a market?
-- Grain:     one row per venue, pair and window with a trade in it
-- Key:       (source, pair, candle_start)
-- Watermark: that of bars
-- Why:       of bars, so that each trade is touched once; all sums are decimal, and stay exact
CREATE TEMPORARY VIEW candle_bars AS
SELECT
    window_start AS candle_start,
    window_end AS candle_end,
    window_time AS candle_time,
    source,
    symbol,
    pair,
    MIN(first_tick) AS first_tick,
    MAX(last_tick) AS last_tick,
    MAX(high) AS high,
    MIN(low) AS low,
    SUM(volume) AS volume,
    SUM(buy_volume) AS buy_volume,
    SUM(turnover) AS turnover,
    SUM(trade_count) AS trade_count
FROM TABLE(TUMBLE(TABLE bars, DESCRIPTOR(bar_time), ${CANDLE_SIZE}))
GROUP BY window_start, window_end, window_time, source, symbol, pair;
