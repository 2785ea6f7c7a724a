-- Last candles
-- Question: What did the latest complete candles of a pair and a resolution look like?
-- Grain:    one row per venue and window, newest first
SELECT
    to_char(window_start AT TIME ZONE 'UTC', 'HH24:MI') AS "from",
    open,
    high,
    low,
    close,
    round(vwap::numeric, 2) AS vwap,
    round(volume::numeric, 3) AS volume,
    trade_count AS trades
FROM candles
WHERE pair = %(pair)s AND resolution = %(resolution)s
ORDER BY window_start DESC
LIMIT %(rows)s;
