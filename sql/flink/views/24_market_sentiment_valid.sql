-- Market sentiment, valid
-- Question:  Which values of the index may be counted on?
-- Grain:     one row per acceptable message; one sent twice is here twice
-- Key:       (source, event_time), not unique here
-- Watermark: that of market_sentiment
CREATE TEMPORARY VIEW market_sentiment_valid AS
SELECT
    source,
    `value`,
    classification,
    event_time,
    rowtime
FROM market_sentiment_checked
WHERE problem IS NULL;
