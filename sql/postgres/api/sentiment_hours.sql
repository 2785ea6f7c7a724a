-- Sentiment of a coin by the hour
-- Question: In which mood did the news write about a coin, hour by hour?
-- Grain:    one row per hour with an article, newest first; hours that begin before last
-- Hours from `recent` on may not be in the rollup yet, or not whole: they are computed of the windows, as it is.
SELECT
    timestamp,
    timestamp + interval '1 hour' AS window_end,
    crypto_symbol,
    sentiment_score,
    CASE
        WHEN sentiment_score > %(positive)s THEN 'positive'
        WHEN sentiment_score < %(negative)s THEN 'negative'
        ELSE 'neutral'
    END AS sentiment_label,
    NULL::double precision AS confidence,
    lowest_score,
    highest_score,
    article_count,
    'aggregated_articles' AS source
FROM (
    SELECT
        hour_start AS timestamp,
        crypto_symbol,
        sentiment_score,
        lowest_score,
        highest_score,
        article_count
    FROM sentiment_hourly
    WHERE crypto_symbol = %(symbol)s AND hour_start >= %(start)s AND hour_start < %(recent)s
    UNION ALL
    SELECT
        date_trunc('hour', window_start, 'UTC') AS timestamp,
        crypto_symbol,
        (sum(sentiment_score::numeric * article_count) / sum(article_count))::double precision AS sentiment_score,
        min(sentiment_score) AS lowest_score,
        max(sentiment_score) AS highest_score,
        sum(article_count)::bigint AS article_count
    FROM sentiment_data
    WHERE
        crypto_symbol = %(symbol)s
        AND window_start >= greatest(%(start)s, %(recent)s)
        AND window_start < %(last)s
        AND article_count > 0
    GROUP BY date_trunc('hour', window_start, 'UTC'), crypto_symbol
) AS hours
WHERE timestamp < %(last)s
ORDER BY timestamp DESC
LIMIT %(rows)s;
