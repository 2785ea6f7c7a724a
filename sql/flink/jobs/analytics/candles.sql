-- Candles
-- Question:  How did a price move within each ${CANDLE_SIZE}, ${CANDLE_MEDIUM_SIZE} and ${CANDLE_LARGE_SIZE}?
-- Grain:     one row per venue, pair, resolution and window with a trade in it
-- Key:       (pair, resolution, window_start, source)
-- Watermark: ${TRADES_WATERMARK} behind; later trades are in no candle
-- Formula:   VWAP = sum(price * quantity) / sum(quantity); open and close by (event_time, trade_id)
INSERT INTO candles
SELECT
    source,
    symbol,
    pair,
    resolution,
    candle_start,
    candle_end,
    CAST(SUBSTRING(first_tick FROM 79) AS DOUBLE),
    high,
    low,
    CAST(SUBSTRING(last_tick FROM 79) AS DOUBLE),
    CAST(turnover AS DOUBLE) / NULLIF(CAST(volume AS DOUBLE), 0),
    CAST(volume AS DOUBLE),
    COALESCE(CAST(buy_volume AS DOUBLE), 0),
    trade_count
FROM (
    SELECT
        ${CANDLE_NAME} AS resolution,
        *
    FROM candle_bars
    UNION ALL
    SELECT
        ${CANDLE_MEDIUM_NAME} AS resolution,
        *
    FROM medium_candle_bars
    UNION ALL
    SELECT
        ${CANDLE_LARGE_NAME} AS resolution,
        *
    FROM large_candle_bars
);
