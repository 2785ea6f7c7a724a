-- News impact, stored
-- Question:  What did the market do after an article, against before, and how unusual was that?
-- Grain:     one row per article, coin mentioned in it, venue, pair and horizon
-- Key:       the primary key, which is PostgreSQL's too, so that writing a row again changes nothing
-- Watermark: none (a sink); times are UTC
CREATE TABLE news_impact (
    article_id STRING,
    symbol STRING,
    source STRING,
    pair STRING,
    news_time TIMESTAMP(3),
    horizon_seconds INT,
    price_before DOUBLE,
    return_before_pct DOUBLE,
    return_after_pct DOUBLE,
    volume_before DOUBLE,
    volume_after DOUBLE,
    volume_ratio DOUBLE,
    abnormal_volume_ratio DOUBLE,
    volatility_before_pct DOUBLE,
    volatility_after_pct DOUBLE,
    abnormal_return_pct DOUBLE,
    abnormal_score DOUBLE,
    bars_before BIGINT,
    bars_after BIGINT,
    baseline_returns BIGINT,
    longest_pause_seconds DOUBLE,
    missing STRING,
    PRIMARY KEY (symbol, news_time, article_id, pair, source, horizon_seconds) NOT ENFORCED
) WITH (
    ${POSTGRES},
    'table-name' = 'news_impact'
);
