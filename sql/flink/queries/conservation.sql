-- Conservation
-- Question:  Is every message of the input topics stored, a dead letter, or a duplicate?
-- Grain:     one row per input topic
-- Key:       topic
-- Watermark: not used; reads what the topics and the tables hold now
-- Formula:   missing = produced - stored - dead-lettered - duplicates: 0 once the jobs have caught up. produced is counted
--            among the raw records, stored in PostgreSQL, dead letters by the place of their original, and a duplicate is
--            an acceptable message whose key came before
-- Why:       grouped once for all topics, because in batch each exchange takes network buffers of its own, and they are
--            limited. No part of a key can hold the separator
SELECT
    topic,
    SUM(produced) AS produced,
    SUM(stored) AS stored,
    SUM(dead_lettered) AS dead_lettered,
    SUM(duplicates) AS duplicates,
    SUM(produced) - SUM(stored) - SUM(dead_lettered) - SUM(duplicates) AS missing
FROM (
    SELECT
        topic,
        CASE kind WHEN 'produced' THEN copies ELSE 0 END AS produced,
        CASE kind WHEN 'stored' THEN copies ELSE 0 END AS stored,
        CASE kind WHEN 'dead' THEN 1 ELSE 0 END AS dead_lettered,
        CASE kind WHEN 'valid' THEN copies - 1 ELSE 0 END AS duplicates
    FROM (
        SELECT
            topic,
            kind,
            message_key,
            COUNT(*) AS copies
        FROM (
            SELECT
                CASE kafka_topic
                    WHEN ${TOPIC_TRADES} THEN 'trades'
                    WHEN ${TOPIC_TICKERS} THEN 'tickers'
                    WHEN ${TOPIC_ARTICLES} THEN 'articles'
                    WHEN ${TOPIC_PRICES} THEN 'prices'
                    WHEN ${TOPIC_MARKET_SENTIMENT} THEN 'market_sentiment'
                    WHEN ${TOPIC_MACRO} THEN 'macro'
                END AS topic,
                'produced' AS kind,
                '' AS message_key
            FROM messages
            UNION ALL
            SELECT
                CASE original_topic
                    WHEN ${TOPIC_TRADES} THEN 'trades'
                    WHEN ${TOPIC_TICKERS} THEN 'tickers'
                    WHEN ${TOPIC_ARTICLES} THEN 'articles'
                    WHEN ${TOPIC_PRICES} THEN 'prices'
                    WHEN ${TOPIC_MARKET_SENTIMENT} THEN 'market_sentiment'
                    WHEN ${TOPIC_MACRO} THEN 'macro'
                END AS topic,
                'dead' AS kind,
                CONCAT_WS(':', CAST(`partition` AS STRING), CAST(`offset` AS STRING)) AS message_key
            FROM dead_letters
            WHERE `partition` IS NOT NULL
            UNION ALL
            SELECT
                'trades' AS topic,
                'valid' AS kind,
                CONCAT_WS('|', source, pair, trade_id, CAST(event_time AS STRING)) AS message_key
            FROM trades_valid
            UNION ALL
            SELECT
                'trades' AS topic,
                'stored' AS kind,
                '' AS message_key
            FROM trade_data
            UNION ALL
            SELECT
                'tickers' AS topic,
                'valid' AS kind,
                CONCAT_WS('|', source, pair, CAST(event_time AS STRING)) AS message_key
            FROM tickers_valid
            UNION ALL
            SELECT
                'tickers' AS topic,
                'stored' AS kind,
                '' AS message_key
            FROM ticker_data
            UNION ALL
            SELECT
                'articles' AS topic,
                'valid' AS kind,
                id AS message_key
            FROM articles_valid
            UNION ALL
            SELECT
                'articles' AS topic,
                'stored' AS kind,
                '' AS message_key
            FROM article_data
            UNION ALL
            SELECT
                'prices' AS topic,
                'valid' AS kind,
                CONCAT_WS('|', source, symbol, crypto_id, CAST(event_time AS STRING)) AS message_key
            FROM prices_valid
            UNION ALL
            SELECT
                'prices' AS topic,
                'stored' AS kind,
                '' AS message_key
            FROM price_data
            UNION ALL
            SELECT
                'market_sentiment' AS topic,
                'valid' AS kind,
                CONCAT_WS('|', source, CAST(event_time AS STRING)) AS message_key
            FROM market_sentiment_valid
            UNION ALL
            SELECT
                'market_sentiment' AS topic,
                'stored' AS kind,
                '' AS message_key
            FROM market_sentiment_data
            UNION ALL
            SELECT
                'macro' AS topic,
                'valid' AS kind,
                CONCAT_WS('|', `indicator`, `date`) AS message_key
            FROM macro_valid
            UNION ALL
            SELECT
                'macro' AS topic,
                'stored' AS kind,
                '' AS message_key
            FROM macro_data
        )
        GROUP BY topic, kind, message_key
    )
)
GROUP BY topic;
