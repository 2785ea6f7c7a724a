-- Candles of a pair
-- Question: How did the price of a market move, window by window?
-- Grain:    one row per venue and window with a trade in it, newest first; after (last, after_source) on the way back
SELECT
    window_start AS timestamp,
    window_end,
    source,
    symbol,
    pair,
    resolution,
    open,
    high,
    low,
    close,
    vwap,
    volume,
    buy_volume,
    trade_count
FROM candles
WHERE
    pair = %(pair)s
    AND resolution = %(resolution)s
    AND window_start >= %(start)s
    AND window_start <= %(last)s
    AND (window_start, source) < (%(last)s, %(after_source)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY window_start DESC, source DESC
LIMIT %(rows)s;
