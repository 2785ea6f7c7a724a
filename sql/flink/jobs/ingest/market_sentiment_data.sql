-- Market sentiment to PostgreSQL
-- Question:  How fearful or greedy was the market?
-- Grain:     one row per day and source; a revised value replaces the one before
-- Key:       (event_time, source)
-- Watermark: not used; a late value is stored like any other
INSERT INTO market_sentiment_data
SELECT
    source,
    `value`,
    classification,
    CAST(rowtime AS TIMESTAMP(3))
FROM market_sentiment_valid;
