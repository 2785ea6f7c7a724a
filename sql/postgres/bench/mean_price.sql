-- Mean price
-- Question: What was the mean price of a pair in a range of time?
-- Grain:    one row; a range that few rows of a day are in
SELECT avg(price) AS price
FROM trade_data
WHERE pair = %(pair)s AND event_time >= %(since)s AND event_time < %(until)s;
