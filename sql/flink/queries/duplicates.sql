-- Duplicates
-- Question:  How many acceptable messages say again, or say better, what an earlier one said?
-- Grain:     one row per topic
-- Key:       topic
-- Watermark: not used; reads what the topics hold now
SELECT
    'trades' AS topic,
    COALESCE(SUM(copies - 1), 0) AS duplicates
FROM (
    SELECT COUNT(*) AS copies
    FROM trades_valid
    GROUP BY source, pair, trade_id, event_time
)
UNION ALL
SELECT
    'tickers' AS topic,
    COALESCE(SUM(copies - 1), 0) AS duplicates
FROM (
    SELECT COUNT(*) AS copies
    FROM tickers_valid
    GROUP BY source, pair, event_time
)
UNION ALL
SELECT
    'articles' AS topic,
    COALESCE(SUM(copies - 1), 0) AS duplicates
FROM (
    SELECT COUNT(*) AS copies
    FROM articles_valid
    GROUP BY id
)
UNION ALL
SELECT
    'prices' AS topic,
    COALESCE(SUM(copies - 1), 0) AS duplicates
FROM (
    SELECT COUNT(*) AS copies
    FROM prices_valid
    GROUP BY source, symbol, crypto_id, event_time
)
UNION ALL
SELECT
    'market_sentiment' AS topic,
    COALESCE(SUM(copies - 1), 0) AS duplicates
FROM (
    SELECT COUNT(*) AS copies
    FROM market_sentiment_valid
    GROUP BY source, event_time
)
UNION ALL
SELECT
    'macro' AS topic,
    COALESCE(SUM(copies - 1), 0) AS duplicates
FROM (
    SELECT COUNT(*) AS copies
    FROM macro_valid
    GROUP BY `indicator`, `date`
);
