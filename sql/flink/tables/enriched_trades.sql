-- Trades with the news around them, stored
-- Question:  Which news was out around each trade, and which economic values were in force?
-- Grain:     one row per trade and article; a trade without news once, with an empty article_id
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE enriched_trades (
    source STRING,
    symbol STRING,
    pair STRING,
    trade_id STRING,
    price DOUBLE,
    quantity DOUBLE,
    side STRING,
    trade_time TIMESTAMP(3),
    article_id STRING,
    news_title STRING,
    news_time TIMESTAMP(3),
    sentiment DOUBLE,
    sentiment_label STRING,
    window_start TIMESTAMP(3),
    window_end TIMESTAMP(3),
    window_5m_start TIMESTAMP(3),
    window_5m_end TIMESTAMP(3),
    policy_rate DOUBLE,
    macro STRING,
    PRIMARY KEY (pair, trade_time, source, trade_id, article_id) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'enriched_trades'
);
