-- Trades that have met news after all
-- Question:  Which trades were stored as without news, and have some now?
-- Grain:     one row per such trade; its row without an article goes
-- Why:       in batch the join reaches further than in streaming, and an upsert only adds what is new
DELETE FROM enriched_trades AS lone
USING enriched_trades AS matched
WHERE
    lone.article_id = ''
    AND matched.article_id <> ''
    AND lone.pair = matched.pair
    AND lone.trade_time = matched.trade_time
    AND lone.source = matched.source
    AND lone.trade_id = matched.trade_id
    AND lone.trade_time >= %(since)s
    AND lone.trade_time < %(until)s;
