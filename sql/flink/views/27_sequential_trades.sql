-- Sequential trades
-- Question:  Which trades have consecutive ids per pair, so that a missing one shows?
-- Grain:     one row per acceptable message of such a venue
-- Key:       (source, pair, id), not unique here
-- Watermark: that of trades
CREATE TEMPORARY VIEW sequential_trades AS
SELECT
    source,
    symbol,
    pair,
    CAST(trade_id AS BIGINT) AS id,
    event_time,
    ingest_time,
    rowtime
FROM trades_valid
WHERE source IN (${SEQUENTIAL_SOURCES}) AND REGEXP(trade_id, '^[0-9]{1,18}\z');
