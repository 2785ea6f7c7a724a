-- Trades, valid
-- Question:  Which trades may be counted on?
-- Grain:     one row per acceptable message; a trade sent twice is here twice
-- Key:       (source, pair, trade_id), not unique here
-- Watermark: that of trades
CREATE TEMPORARY VIEW trades_valid AS
SELECT
    source,
    symbol,
    pair,
    trade_id,
    price,
    quantity,
    side,
    event_time,
    ingest_time,
    rowtime
FROM trades_checked
WHERE problem IS NULL;
