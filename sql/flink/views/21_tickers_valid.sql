-- Tickers, valid
-- Question:  Which tickers may be counted on?
-- Grain:     one row per acceptable message; a ticker sent twice is here twice
-- Key:       (source, pair, event_time), not unique here
-- Watermark: that of tickers
CREATE TEMPORARY VIEW tickers_valid AS
SELECT
    source,
    symbol,
    pair,
    `last`,
    bid,
    ask,
    volume_24h,
    change_pct,
    event_time,
    ingest_time,
    rowtime
FROM tickers_checked
WHERE problem IS NULL;
