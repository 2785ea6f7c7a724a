-- Sentiment per coin, stored
-- Question:  In which mood does the news write about a coin?
-- Grain:     one row per coin and window with an article in it
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE sentiment_data (
    crypto_symbol STRING,
    window_start TIMESTAMP(3),
    window_end TIMESTAMP(3),
    sentiment_score DOUBLE,
    sentiment_label STRING,
    confidence DOUBLE,
    article_count BIGINT,
    source STRING,
    PRIMARY KEY (crypto_symbol, window_start) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'sentiment_data'
);
