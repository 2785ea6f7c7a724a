-- Traded
-- Question: How much was traded up to a moment?
-- Grain:    one row; all rows of a day
SELECT sum(quantity) AS quantity
FROM trade_data
WHERE event_time < %(until)s;
