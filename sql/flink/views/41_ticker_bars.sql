-- Ticker bars
-- Question:  What was the last ticker of each ${BAR_SIZE}?
-- Grain:     one row per venue, pair and bar with a ticker in it
-- Key:       (source, pair, bar_time)
-- Watermark: that of tickers; a ticker behind it is in no bar
-- Why:       a repeated ticker and the order of arrival change nothing; of two at the same millisecond the text that
--            sorts last wins, always
CREATE TEMPORARY VIEW ticker_bars AS
SELECT
    window_time AS bar_time,
    source,
    symbol,
    pair,
    CAST(SUBSTRING(MAX(tick) FROM 1 FOR 13) AS BIGINT) AS event_time,
    CAST(SUBSTRING(MAX(tick) FROM 14) AS DOUBLE) AS `last`
FROM (
    SELECT
        window_start,
        window_end,
        window_time,
        source,
        symbol,
        pair,
        CONCAT(LPAD(CAST(event_time AS STRING), 13, '0'), CAST(`last` AS STRING)) AS tick
    FROM TABLE(TUMBLE(TABLE tickers_valid, DESCRIPTOR(rowtime), ${BAR_SIZE}))
)
GROUP BY window_start, window_end, window_time, source, symbol, pair;
