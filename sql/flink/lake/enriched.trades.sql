-- Trades with the news around them, in the lake
-- Question:  Which news was out around each trade, and which economic values were in force?
-- Grain:     one row per trade message and article; a trade without news once, with an empty article_id
-- Key:       (pair, trade_time, source, trade_id, article_id), which nothing enforces: rows are only ever added
-- Watermark: none
CREATE TABLE lake.enriched.trades (
    source STRING,
    symbol STRING,
    pair STRING,
    trade_id STRING,
    price DOUBLE,
    quantity DOUBLE,
    side STRING,
    trade_time TIMESTAMP_LTZ(6),
    article_id STRING,
    news_title STRING,
    news_time TIMESTAMP_LTZ(6),
    sentiment DOUBLE,
    sentiment_label STRING,
    window_start TIMESTAMP_LTZ(6),
    window_end TIMESTAMP_LTZ(6),
    window_5m_start TIMESTAMP_LTZ(6),
    window_5m_end TIMESTAMP_LTZ(6),
    policy_rate DOUBLE,
    macro STRING
) WITH (
    'partitions' = 'day(trade_time), pair'
);
