-- Partitions
-- Question:  How is each table kept: in partitions by time, in rows that are deleted one by one, or for ever?
-- Grain:     one line per table
-- Key:       none
-- Watermark: none
-- A period is such that a partition is neither tiny nor more than some gigabytes, and that there are some dozens: by the
-- day what comes with every trade or ticker, by the week what comes every few seconds, by the month the rest. `tidemark maintain` makes
-- and drops the partitions; how long rows are kept is the setting storage.retention. Until it has run, and for rows of
-- unusual times, there is the default partition.

-- For the rollups of single hours, in the partition of a day or in the default one.
CREATE INDEX ticker_data_by_time ON ticker_data USING brin (event_time);
CREATE INDEX sentiment_data_by_time ON sentiment_data USING brin (window_start);

SELECT storage.partition_by_time('trade_data', 'event_time', 'day');
SELECT storage.partition_by_time('ticker_data', 'event_time', 'day');
SELECT storage.partition_by_time('enriched_trades', 'trade_time', 'day');
SELECT storage.partition_by_time('candles', 'window_start', 'week');
SELECT storage.partition_by_time('prediction_data', 'window_end', 'week');
SELECT storage.partition_by_time('prediction_score', 'window_end', 'week');
SELECT storage.partition_by_time('price_stats', 'window_end', 'week');
SELECT storage.partition_by_time('ranking_24h', 'window_end', 'week');
SELECT storage.partition_by_time('price_data', 'event_time', 'week');
SELECT storage.partition_by_time('sentiment_data', 'window_start', 'month');
SELECT storage.partition_by_time('news_impact', 'news_time', 'month');
SELECT storage.partition_by_time('data_quality', 'minute_start', 'month');
SELECT storage.partition_by_time('late_data', 'event_time', 'month');

INSERT INTO storage.policies (table_name, time_column, kept) VALUES
-- A key without a time, so no partitions (a primary key has to hold what they are made by); and few rows.
('article_data', 'event_time', 'rows'),
('alert_data', 'event_time', 'rows'),
('feed_gaps', 'to_time', 'rows'),
-- A row an hour or a day, and worth more the longer they reach back.
('price_hourly', 'hour_start', 'forever'),
('volume_daily', 'day_start', 'forever'),
('macro_data', 'event_time', 'forever'),
('market_sentiment_data', 'event_time', 'forever'),
-- What was asked for, by when it began to hold.
('alert_rules', 'valid_from', 'forever');
