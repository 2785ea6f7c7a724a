-- Tickers to PostgreSQL
-- Question:  What was the state of a market at a moment?
-- Grain:     one row per venue, pair and moment
-- Key:       (pair, event_time, source)
-- Watermark: not used; a late ticker is stored like any other
INSERT INTO ticker_data
SELECT
    source,
    symbol,
    pair,
    `last`,
    bid,
    ask,
    volume_24h,
    change_pct,
    CAST(rowtime AS TIMESTAMP(3)),
    CAST(TO_TIMESTAMP_LTZ(ingest_time, 3) AS TIMESTAMP(3))
FROM tickers_valid;
