-- News measures
-- Question:  How far is the mood about a coin from what it was?
-- Grain:     one row per coin and step in which there was an article about it in the last ${SENTIMENT_HISTORY}
-- Key:       (kind, symbol, bar_time)
-- Watermark: that of articles
-- Formula:   mean score (0 to 1) of the articles in the last ${SENTIMENT_RECENT} - that of those before them in the last ${SENTIMENT_HISTORY}; null where
--            either are fewer than ${SENTIMENT_ARTICLES}
CREATE TEMPORARY VIEW news_measures AS
SELECT
    'sentiment_shift' AS kind,
    'news' AS source,
    symbol,
    bar_time,
    TIMESTAMPDIFF(SECOND, TIMESTAMP '1970-01-01 00:00:00', recent_start) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM recent_start) AS event_time,
    CAST(NULL AS DOUBLE) AS price,
    CASE
        WHEN recent_articles >= ${SENTIMENT_ARTICLES} AND articles - recent_articles >= ${SENTIMENT_ARTICLES}
            THEN
                CAST(recent_sum AS DOUBLE) / recent_articles
                - CAST(score_sum - recent_sum AS DOUBLE) / (articles - recent_articles)
    END AS size,
    CONCAT(CAST(recent_articles AS STRING), ' articles') AS note,
    CAST(${SENTIMENT_SHIFT} AS DOUBLE) AS usual_threshold,
    PROCTIME() AS judged_at
FROM (
    SELECT
        window_time AS bar_time,
        window_end - ${SENTIMENT_RECENT} AS recent_start,
        symbol,
        SUM(score_sum) AS score_sum,
        SUM(articles) AS articles,
        SUM(score_sum) FILTER (WHERE bar_start >= window_end - ${SENTIMENT_RECENT}) AS recent_sum,
        SUM(articles) FILTER (WHERE bar_start >= window_end - ${SENTIMENT_RECENT}) AS recent_articles
    FROM TABLE(HOP(TABLE news_steps, DESCRIPTOR(bar_time), ${ALERT_STEP}, ${SENTIMENT_HISTORY}))
    GROUP BY window_start, window_end, window_time, symbol
);
