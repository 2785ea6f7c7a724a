-- Sentiment per coin
-- Question:  In which mood does the news of each ${SENTIMENT_SIZE} write about a coin?
-- Grain:     one row per coin and window with an article that mentions it
-- Key:       (crypto_symbol, window_start)
-- Watermark: ${ARTICLES_WATERMARK} behind; later articles are in no window
-- Formula:   score = mean of the articles' scores, each article once; > 0.6 positive, < 0.4 negative, else neutral;
--            confidence = share of the articles whose own label is the window's
INSERT INTO sentiment_data
SELECT
    mentioned_symbol,
    window_start,
    window_end,
    score,
    label,
    CAST(
        CASE label WHEN 'positive' THEN positive_count WHEN 'negative' THEN negative_count ELSE neutral_count END
        AS DOUBLE
    ) / article_count,
    article_count,
    'aggregated_articles'
FROM (
    SELECT
        *,
        CASE WHEN score > 0.6 THEN 'positive' WHEN score < 0.4 THEN 'negative' ELSE 'neutral' END AS label
    FROM (
        SELECT
            mentioned_symbol,
            window_start,
            window_end,
            CAST(SUM(CAST(score AS DECIMAL(18, 16))) AS DOUBLE) / COUNT(*) AS score,
            COUNT(*) FILTER (WHERE label = 'positive') AS positive_count,
            COUNT(*) FILTER (WHERE label = 'negative') AS negative_count,
            COUNT(*) FILTER (WHERE label = 'neutral') AS neutral_count,
            COUNT(*) AS article_count
        FROM (
            SELECT
                mentioned_symbol,
                id,
                window_start,
                window_end,
                MAX(sentiment_score) AS score,
                MAX(sentiment_label) AS label
            FROM TABLE(TUMBLE(TABLE mentions, DESCRIPTOR(rowtime), ${SENTIMENT_SIZE}))
            GROUP BY mentioned_symbol, id, window_start, window_end
        )
        GROUP BY mentioned_symbol, window_start, window_end
    )
);
