-- Whether there is a pair
-- Question: Was there ever anything about a pair?
-- Grain:    one row where there was, else none
-- The least value of a column that the index is ordered by is looked up in it; with EXISTS, a frequent pair would be looked for
-- by reading tables from their beginning, and a missing one to their end.
SELECT 1 AS found
WHERE
    (
        SELECT min(resolution) FROM candles
        WHERE pair = %(pair)s
    ) IS NOT NULL
    OR (
        SELECT min(event_time) FROM trade_data
        WHERE pair = %(pair)s
    ) IS NOT NULL
    OR (
        SELECT min(event_time) FROM ticker_data
        WHERE pair = %(pair)s
    ) IS NOT NULL
    OR (
        SELECT min(hour_start) FROM ticker_ohlc_hourly
        WHERE pair = %(pair)s
    ) IS NOT NULL;
