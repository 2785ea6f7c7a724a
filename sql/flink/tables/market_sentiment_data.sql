-- Market sentiment, stored
-- Question:  How fearful or greedy was the market?
-- Grain:     one row per day and source; a revised value replaces the one before
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE market_sentiment_data (
    source STRING,
    `value` INT,
    classification STRING,
    event_time TIMESTAMP(3),
    PRIMARY KEY (event_time, source) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'market_sentiment_data'
);
