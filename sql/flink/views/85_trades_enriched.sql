-- Trades, enriched
-- Question:  Which news was out within ${NEWS_JOIN} before or after each trade, and which economic values were in force?
-- Grain:     one row per trade and article that mentions its coin; a trade without any, once; a trade sent twice is here twice
-- Key:       (pair, trade_time, source, trade_id, article_id), article_id empty where there was no news; not unique here
-- Watermark: trades ${TRADES_WATERMARK}, articles ${ARTICLES_WATERMARK} behind: news is polled, so the join waits for it;
--            a trade without news appears once the watermark has passed the end of its interval
-- Why:       a minute's time is its last millisecond, so within 59.999 s after a trade there is that of its own minute only
CREATE TEMPORARY VIEW trades_enriched AS
SELECT
    t.source,
    t.symbol,
    t.pair,
    t.trade_id,
    t.price,
    t.quantity,
    t.side,
    CAST(t.rowtime AS TIMESTAMP(3)) AS trade_time,
    COALESCE(n.id, '') AS article_id,
    n.title AS news_title,
    CAST(n.rowtime AS TIMESTAMP(3)) AS news_time,
    n.sentiment_score AS sentiment,
    n.sentiment_label,
    CAST(TO_TIMESTAMP_LTZ(t.event_time - MOD(t.event_time, 60000), 3) AS TIMESTAMP(3)) AS window_start,
    CAST(TO_TIMESTAMP_LTZ(t.event_time - MOD(t.event_time, 60000) + 60000, 3) AS TIMESTAMP(3)) AS window_end,
    CAST(TO_TIMESTAMP_LTZ(t.event_time - MOD(t.event_time, 300000), 3) AS TIMESTAMP(3)) AS window_5m_start,
    CAST(TO_TIMESTAMP_LTZ(t.event_time - MOD(t.event_time, 300000) + 300000, 3) AS TIMESTAMP(3)) AS window_5m_end,
    m.policy_rate,
    m.macro
FROM trades_valid AS t
LEFT JOIN macro_minutes AS m
    ON
        t.source = m.source
        AND t.pair = m.pair
        AND m.minute_time BETWEEN t.rowtime AND t.rowtime + INTERVAL '59.999' SECOND
LEFT JOIN mentions AS n
    ON
        t.symbol = n.mentioned_symbol
        AND n.rowtime BETWEEN t.rowtime - ${NEWS_JOIN} AND t.rowtime + ${NEWS_JOIN};
