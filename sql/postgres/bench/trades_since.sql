-- Trades since a moment
-- Question: Which trades of a pair are there, and when were they made?
-- Grain:    one row per trade; event_time in seconds since 1970
SELECT
    trade_id,
    extract(EPOCH FROM event_time) AS event_time
FROM trade_data
WHERE pair = %(pair)s AND event_time >= %(since)s;
