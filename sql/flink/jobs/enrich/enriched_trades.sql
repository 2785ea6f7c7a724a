-- Trades with the news around them
-- Question:  Which news was out around each trade, and which economic values were in force?
-- Grain:     one row per trade and article that mentions its coin; a trade without any, once
-- Key:       (pair, trade_time, source, trade_id, article_id), article_id empty where there was no news
-- Watermark: that of trades_enriched
INSERT INTO enriched_trades
SELECT *
FROM trades_enriched;
