-- Trades with the news around them, to the lake
-- Question:  Which news was out around each trade, and which economic values were in force?
-- Grain:     one row per trade message and article message that mentions its coin; a trade without any, once
-- Key:       (pair, trade_time, source, trade_id, article_id), article_id empty where there was no news
-- Watermark: that of trades_enriched
-- Mode:      streaming only: rows are only ever added, so a second run would add them again
INSERT INTO lake.enriched.trades
SELECT
    source,
    symbol,
    pair,
    trade_id,
    price,
    quantity,
    side,
    CAST(trade_time AS TIMESTAMP_LTZ(3)),
    article_id,
    news_title,
    CAST(news_time AS TIMESTAMP_LTZ(3)),
    sentiment,
    sentiment_label,
    CAST(window_start AS TIMESTAMP_LTZ(3)),
    CAST(window_end AS TIMESTAMP_LTZ(3)),
    CAST(window_5m_start AS TIMESTAMP_LTZ(3)),
    CAST(window_5m_end AS TIMESTAMP_LTZ(3)),
    policy_rate,
    macro
FROM trades_enriched;
