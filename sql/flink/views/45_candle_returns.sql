-- Candle returns
-- Question:  How far did each ${CANDLE_SIZE} close from the one before?
-- Grain:     one row per venue, pair and candle; the first of a pair has no return
-- Key:       (source, pair, candle_time)
-- Watermark: that of bars
-- Formula:   return = ln(close) - ln(close of the candle before it, however long ago); as a decimal, which sums up to
--            the same in any order
CREATE TEMPORARY VIEW candle_returns AS
SELECT
    candle_time,
    source,
    symbol,
    pair,
    high,
    low,
    trade_count,
    `close`,
    CAST(LN(`close`) - LN(previous_close) AS DECIMAL(18, 14)) AS log_return
FROM (
    SELECT
        *,
        LAG(`close`) OVER (PARTITION BY source, symbol, pair ORDER BY candle_time) AS previous_close
    FROM (
        SELECT
            candle_time,
            source,
            symbol,
            pair,
            high,
            low,
            trade_count,
            CAST(SUBSTRING(last_tick FROM 79) AS DOUBLE) AS `close`
        FROM candle_bars
    )
);
