-- Daily volume
-- Question:  How much of a pair was traded on each day (UTC)?
-- Grain:     one row per venue, pair and day with a trade in it; that of today grows with every ${CANDLE_MEDIUM_SIZE}
-- Key:       (pair, day_start, source)
-- Watermark: ${TRADES_WATERMARK} behind; later trades are in no volume
-- Why:       a running sum, not a window, so that today has a volume before it is over; its state is kept for as long as
--            the topics keep messages. Volumes are in the pair's coin, turnover in what it is quoted in
INSERT INTO volume_daily
SELECT
    source,
    MAX(symbol),
    pair,
    day_start,
    CAST(SUM(volume) AS DOUBLE),
    COALESCE(CAST(SUM(buy_volume) AS DOUBLE), 0),
    CAST(SUM(turnover) AS DOUBLE),
    SUM(trade_count)
FROM (
    SELECT
        *,
        CAST(CAST(candle_start AS DATE) AS TIMESTAMP(3)) AS day_start
    FROM medium_candle_bars
)
GROUP BY source, pair, day_start;
