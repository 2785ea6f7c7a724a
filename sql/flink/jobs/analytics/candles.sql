-- Candles
-- Question:  How did a price move within each ${CANDLE_SIZE}?
-- Grain:     one row per venue, pair and window with a trade in it
-- Key:       (pair, resolution, window_start, source)
-- Watermark: ${TRADES_WATERMARK} behind; later trades are in no candle
-- Formula:   VWAP = sum(price * quantity) / sum(quantity); open and close by (event_time, trade_id)
INSERT INTO candles
SELECT
    source,
    symbol,
    pair,
    ${CANDLE_NAME},
    window_start,
    window_end,
    CAST(SUBSTRING(MIN(first_tick) FROM 79) AS DOUBLE),
    MAX(high),
    MIN(low),
    CAST(SUBSTRING(MAX(last_tick) FROM 79) AS DOUBLE),
    CAST(SUM(turnover) AS DOUBLE) / NULLIF(CAST(SUM(volume) AS DOUBLE), 0),
    CAST(SUM(volume) AS DOUBLE),
    COALESCE(CAST(SUM(buy_volume) AS DOUBLE), 0),
    SUM(trade_count)
FROM TABLE(TUMBLE(TABLE bars, DESCRIPTOR(bar_time), ${CANDLE_SIZE}))
GROUP BY window_start, window_end, source, symbol, pair;
