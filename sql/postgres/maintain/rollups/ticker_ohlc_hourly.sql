-- Hourly tickers
-- Question:  How did the last price of a market move in an hour?
-- Grain:     one row per venue and pair with a ticker in the hour
INSERT INTO ticker_ohlc_hourly (source, symbol, pair, hour_start, open, high, low, close, ticker_count)
SELECT
    source,
    min(symbol),
    pair,
    %(hour)s,
    (array_agg(last ORDER BY event_time))[1],
    max(last),
    min(last),
    (array_agg(last ORDER BY event_time DESC))[1],
    count(*)
FROM ticker_data
WHERE event_time >= %(hour)s AND event_time < %(hour)s + interval '1 hour'
GROUP BY source, pair;
