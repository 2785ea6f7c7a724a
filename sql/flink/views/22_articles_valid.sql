-- Articles, valid
-- Question:  Which articles may be counted on?
-- Grain:     one row per acceptable message; an article sent twice is here twice
-- Key:       id, not unique here
-- Watermark: that of articles
-- Why:       U+0000 is legal JSON and no text in PostgreSQL, where one such headline would stop the job for ever
CREATE TEMPORARY VIEW articles_valid AS
SELECT
    id,
    REGEXP_REPLACE(title, '\x00', '') AS title,
    url,
    REGEXP_REPLACE(website, '\x00', '') AS website,
    REGEXP_REPLACE(summary, '\x00', '') AS summary,
    cryptocurrencies_mentioned,
    sentiment.score AS sentiment_score,
    sentiment.polarity AS sentiment_polarity,
    sentiment.label AS sentiment_label,
    source,
    event_time,
    ingest_time,
    rowtime
FROM articles_checked
WHERE problem IS NULL;
