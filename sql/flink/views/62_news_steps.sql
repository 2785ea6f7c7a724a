-- News steps
-- Question:  What was said of each coin in each ${ALERT_STEP}?
-- Grain:     one row per coin and step with an article that mentions it
-- Key:       (symbol, bar_time)
-- Watermark: that of articles, and of the heartbeats of their sources
-- Why:       an article that came twice counts once; the sum is decimal, so that no order changes a digit
CREATE TEMPORARY VIEW news_steps AS
SELECT
    window_time AS bar_time,
    window_start AS bar_start,
    symbol,
    SUM(CAST(score AS DECIMAL(13, 12))) AS score_sum,
    COUNT(*) AS articles
FROM (
    SELECT
        window_start,
        window_end,
        window_time,
        mentioned_symbol AS symbol,
        id,
        MIN(sentiment_score) AS score
    FROM TABLE(TUMBLE(TABLE mentions, DESCRIPTOR(rowtime), ${ALERT_STEP}))
    GROUP BY window_start, window_end, window_time, mentioned_symbol, id
)
GROUP BY window_start, window_end, window_time, symbol;
