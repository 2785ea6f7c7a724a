-- Articles, stored
-- Question:  Which news was published?
-- Grain:     one row per article
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE article_data (
    id STRING,
    title STRING,
    url STRING,
    website STRING,
    summary STRING,
    cryptocurrencies_mentioned STRING,
    sentiment_score DOUBLE,
    sentiment_polarity DOUBLE,
    sentiment_label STRING,
    source STRING,
    event_time TIMESTAMP(3),
    ingest_time TIMESTAMP(3),
    PRIMARY KEY (id) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'article_data'
);
