-- Hourly sentiment
-- Question:  In which mood did the news of an hour write about a coin?
-- Grain:     one row per coin with a window that begins in the hour
-- Formula:   mean of the windows' scores, weighted by their articles; decimals, so that no order of rows matters
INSERT INTO sentiment_hourly
(crypto_symbol, hour_start, sentiment_score, lowest_score, highest_score, article_count)
SELECT
    crypto_symbol,
    %(hour)s,
    sum(sentiment_score::numeric * article_count) / sum(article_count),
    min(sentiment_score),
    max(sentiment_score),
    sum(article_count)
FROM sentiment_data
WHERE
    window_start >= %(hour)s
    AND window_start < %(hour)s + interval '1 hour'
    AND article_count > 0
GROUP BY crypto_symbol;
