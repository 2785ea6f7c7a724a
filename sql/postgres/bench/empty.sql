-- No rows
-- Question: none; the partitions that were made for the rows stay
-- Grain:    all rows of the tables that are measured on
TRUNCATE trade_data, ticker_data, candles;
