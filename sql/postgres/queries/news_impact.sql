-- News impact
-- Question: What did news do within a horizon, by a source's trades?
-- Grain:    one row per article, coin and pair
SELECT
    article_id,
    symbol,
    pair,
    return_after_pct,
    abnormal_score,
    missing
FROM news_impact
WHERE source = %(source)s AND horizon_seconds = %(horizon)s
ORDER BY news_time, article_id, pair;
