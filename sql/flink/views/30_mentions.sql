-- Mentions
-- Question:  Which article speaks of which coin?
-- Grain:     one row per article message and coin mentioned in it
-- Key:       (id, mentioned_symbol), not unique here
-- Watermark: that of articles; while there are none, that of the heartbeats of their sources (see trades_timed)
CREATE TEMPORARY VIEW mentions AS
SELECT
    a.id,
    a.title,
    a.sentiment_score,
    a.sentiment_label,
    a.event_time,
    a.rowtime,
    m.mentioned_symbol
FROM articles_valid AS a
CROSS JOIN UNNEST(a.cryptocurrencies_mentioned) AS m (mentioned_symbol)
WHERE m.mentioned_symbol IS NOT NULL
UNION ALL
SELECT
    source AS id,
    '' AS title,
    CAST(0 AS DOUBLE) AS sentiment_score,
    '' AS sentiment_label,
    event_time,
    rowtime,
    '' AS mentioned_symbol
FROM article_heartbeats
WHERE CHAR_LENGTH(topic) < 0;
