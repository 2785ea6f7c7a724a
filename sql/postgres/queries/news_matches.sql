-- News matches
-- Question: How many trades have news around them, and how many have none?
-- Grain:    one row
SELECT
    count(DISTINCT row(pair, trade_time, source, trade_id)) FILTER (WHERE article_id <> '') AS trades_with_news,
    count(DISTINCT article_id) FILTER (WHERE article_id <> '') AS articles,
    count(*) FILTER (WHERE article_id <> '') AS matches,
    count(*) FILTER (WHERE article_id = '') AS trades_without_news
FROM enriched_trades;
