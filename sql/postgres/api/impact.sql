-- Impact of news
-- Question: What did the market do around each article?
-- Grain:    one row per article, coin, venue, pair and horizon, newest first; after the whole key on the way back
-- LIMIT 1, which changes nothing of what is found, keeps the articles from being read whole for a hash join.
SELECT
    found.*,
    about.title,
    about.url,
    about.website,
    about.sentiment_score,
    about.sentiment_label
FROM (
    SELECT
        news_time AS timestamp,
        article_id,
        symbol AS crypto_symbol,
        source,
        pair,
        horizon_seconds,
        price_before,
        return_before_pct,
        return_after_pct,
        volume_before,
        volume_after,
        volume_ratio,
        abnormal_volume_ratio,
        volatility_before_pct,
        volatility_after_pct,
        abnormal_return_pct,
        abnormal_score,
        missing
    FROM news_impact
    WHERE
        news_time >= %(start)s
        AND news_time <= %(last)s
        AND (news_time, symbol, article_id, pair, source, horizon_seconds)
        < (%(last)s, %(after_symbol)s, %(after_id)s, %(after_pair)s, %(after_source)s, %(after_horizon)s)
        AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
        AND (%(pair)s::text IS NULL OR pair = %(pair)s)
        AND (%(horizon)s::integer IS NULL OR horizon_seconds = %(horizon)s)
        AND (%(article)s::text IS NULL OR article_id = %(article)s)
        AND (%(score)s::double precision IS NULL OR abs(abnormal_score) >= %(score)s)
    ORDER BY news_time DESC, symbol DESC, article_id DESC, pair DESC, source DESC, horizon_seconds DESC
    LIMIT %(rows)s
) AS found
LEFT JOIN LATERAL (
    SELECT article_data.*
    FROM article_data
    WHERE article_data.id = found.article_id
    ORDER BY article_data.id
    LIMIT 1
) AS about ON TRUE
ORDER BY
    found.timestamp DESC,
    found.crypto_symbol DESC,
    found.article_id DESC,
    found.pair DESC,
    found.source DESC,
    found.horizon_seconds DESC;
