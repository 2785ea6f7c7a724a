-- Sentiment of a coin
-- Question: In which mood did the news write about a coin, window by window?
-- Grain:    one row per window with an article, newest first; windows that begin before last
SELECT
    window_start AS timestamp,
    window_end,
    crypto_symbol,
    sentiment_score,
    sentiment_label,
    confidence,
    sentiment_score AS lowest_score,
    sentiment_score AS highest_score,
    article_count,
    source
FROM sentiment_data
WHERE crypto_symbol = %(symbol)s AND window_start >= %(start)s AND window_start < %(last)s
ORDER BY window_start DESC
LIMIT %(rows)s;
