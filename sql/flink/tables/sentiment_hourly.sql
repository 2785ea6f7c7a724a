-- Hourly sentiment, as PostgreSQL keeps it
-- Question:  In which mood did the news of an hour write about a coin?
-- Grain:     one row per coin and hour with a sentiment window that begins in it
-- Key:       the primary key, which is PostgreSQL's too
-- Watermark: none (computed by `tidemark maintain`, written by no job); times are UTC
CREATE TABLE sentiment_hourly (
    crypto_symbol STRING,
    hour_start TIMESTAMP(3),
    sentiment_score DOUBLE,
    lowest_score DOUBLE,
    highest_score DOUBLE,
    article_count BIGINT,
    PRIMARY KEY (crypto_symbol, hour_start) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'sentiment_hourly'
);
