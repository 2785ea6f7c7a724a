-- Whether there is a pair
-- Question: Was there ever anything about a pair?
-- Grain:    one row where there was, else none
SELECT 1 AS found
WHERE
    EXISTS (
        SELECT 1 FROM candles
        WHERE pair = %(pair)s
    )
    OR EXISTS (
        SELECT 1 FROM trade_data
        WHERE pair = %(pair)s
    )
    OR EXISTS (
        SELECT 1 FROM ticker_data
        WHERE pair = %(pair)s
    )
    OR EXISTS (
        SELECT 1 FROM ticker_ohlc_hourly
        WHERE pair = %(pair)s
    );
