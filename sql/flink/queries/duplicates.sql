-- Duplicates
-- Question:  How many acceptable messages say again, or say better, what an earlier one said?
-- Grain:     one row per topic with acceptable messages
-- Key:       topic
-- Watermark: not used; reads what the topics hold now
-- Why:       grouped once for all topics, because in batch each exchange takes network buffers of its own, and they are
--            limited. No part of a key can hold the separator
SELECT
    topic,
    SUM(copies - 1) AS duplicates
FROM (
    SELECT
        topic,
        COUNT(*) AS copies
    FROM (
        SELECT
            CAST('trades' AS STRING) AS topic,
            CONCAT_WS('|', source, pair, trade_id, CAST(event_time AS STRING)) AS message_key
        FROM trades_valid
        UNION ALL
        SELECT
            CAST('tickers' AS STRING) AS topic,
            CONCAT_WS('|', source, pair, CAST(event_time AS STRING)) AS message_key
        FROM tickers_valid
        UNION ALL
        SELECT
            CAST('articles' AS STRING) AS topic,
            id AS message_key
        FROM articles_valid
        UNION ALL
        SELECT
            CAST('prices' AS STRING) AS topic,
            CONCAT_WS('|', source, symbol, crypto_id, CAST(event_time AS STRING)) AS message_key
        FROM prices_valid
        UNION ALL
        SELECT
            CAST('market_sentiment' AS STRING) AS topic,
            CONCAT_WS('|', source, CAST(event_time AS STRING)) AS message_key
        FROM market_sentiment_valid
        UNION ALL
        SELECT
            CAST('macro' AS STRING) AS topic,
            CONCAT_WS('|', `indicator`, `date`) AS message_key
        FROM macro_valid
    )
    GROUP BY topic, message_key
)
GROUP BY topic;
