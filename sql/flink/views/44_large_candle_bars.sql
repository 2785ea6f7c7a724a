-- Large candle bars
-- Question:  What happened in each ${CANDLE_LARGE_SIZE} of a market?
-- Grain:     one row per venue, pair and window with a trade in it
-- Key:       (source, pair, candle_start)
-- Watermark: that of bars
-- Why:       of the candles one size smaller, whose sums are exact
CREATE TEMPORARY VIEW large_candle_bars AS
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
FROM TABLE(TUMBLE(TABLE medium_candle_bars, DESCRIPTOR(candle_time), ${CANDLE_LARGE_SIZE}))
GROUP BY window_start, window_end, window_time, source, symbol, pair;
