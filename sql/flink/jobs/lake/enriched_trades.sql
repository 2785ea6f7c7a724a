-- Trades with the news around them, to the lake
-- Question:  Which news was out within ${NEWS_JOIN} before or after each trade?
-- Grain:     one row per trade message and article message that mentions its coin; a trade without any, once
-- Key:       (pair, trade_time, source, trade_id, article_id), article_id empty where there was no news
-- Watermark: trades ${TRADES_WATERMARK}, articles ${ARTICLES_WATERMARK} behind: news is polled, so the join waits for it;
--            a trade without news appears once the watermark has passed the end of its interval
INSERT INTO lake.enriched.trades
SELECT
    t.source,
    t.symbol,
    t.pair,
    t.trade_id,
    t.price,
    t.quantity,
    t.side,
    t.rowtime,
    COALESCE(m.id, ''),
    m.title,
    m.rowtime AS news_time,
    m.sentiment_score,
    m.sentiment_label,
    TO_TIMESTAMP_LTZ(t.event_time - MOD(t.event_time, 60000), 3),
    TO_TIMESTAMP_LTZ(t.event_time - MOD(t.event_time, 60000) + 60000, 3),
    TO_TIMESTAMP_LTZ(t.event_time - MOD(t.event_time, 300000), 3),
    TO_TIMESTAMP_LTZ(t.event_time - MOD(t.event_time, 300000) + 300000, 3)
FROM trades_valid AS t
LEFT JOIN mentions AS m
    ON
        t.symbol = m.mentioned_symbol
        AND m.rowtime BETWEEN t.rowtime - ${NEWS_JOIN} AND t.rowtime + ${NEWS_JOIN};
