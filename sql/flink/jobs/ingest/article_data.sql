-- Articles to PostgreSQL
-- Question:  Which news was published?
-- Grain:     one row per article; an edited article replaces itself
-- Key:       id
-- Watermark: not used; a late article is stored like any other
INSERT INTO article_data
SELECT
    id,
    title,
    url,
    website,
    summary,
    ARRAY_JOIN(cryptocurrencies_mentioned, ','),
    sentiment_score,
    sentiment_polarity,
    sentiment_label,
    source,
    CAST(rowtime AS TIMESTAMP(3)),
    CAST(TO_TIMESTAMP_LTZ(ingest_time, 3) AS TIMESTAMP(3))
FROM articles_valid;
