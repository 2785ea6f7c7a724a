-- Articles
-- Question: What was in the news?
-- Grain:    one row per article, newest first; after (last, after_id) on the way back
SELECT
    event_time AS timestamp,
    id AS article_id,
    title,
    url,
    website,
    summary,
    symbols AS cryptocurrencies_mentioned,
    sentiment_score,
    sentiment_polarity,
    sentiment_label,
    source
FROM article_data
WHERE
    event_time >= %(start)s
    AND event_time <= %(last)s
    AND (event_time, id) < (%(last)s, %(after_id)s)
    AND (%(symbol)s::text IS NULL OR symbols @> ARRAY[%(symbol)s::text])
    AND (%(label)s::text IS NULL OR sentiment_label = %(label)s)
ORDER BY event_time DESC, id DESC
LIMIT %(rows)s;
