-- Trades to PostgreSQL
-- Question:  Which trades were there?
-- Grain:     one row per trade; a trade sent twice is written twice to the same row
-- Key:       (pair, event_time, source, trade_id)
-- Watermark: not used; a late trade is stored like any other
INSERT INTO trade_data
SELECT
    source,
    symbol,
    pair,
    trade_id,
    price,
    quantity,
    side,
    CAST(rowtime AS TIMESTAMP(3)),
    CAST(TO_TIMESTAMP_LTZ(ingest_time, 3) AS TIMESTAMP(3))
FROM trades_valid;
