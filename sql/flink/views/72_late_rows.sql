-- Late rows
-- Question:  Which acceptable messages came when the watermark had passed them?
-- Grain:     one row per message
-- Key:       (topic, source, item, event_time, id), not unique here
-- Watermark: that of each topic
-- Mode:      streaming only: batch has no watermark
CREATE TEMPORARY VIEW late_rows AS
SELECT
    'trades' AS topic,
    source,
    pair AS item,
    trade_id AS id,
    event_time,
    ingest_time,
    rowtime,
    CURRENT_WATERMARK(rowtime) AS watermark_time
FROM trades_valid
WHERE rowtime <= CURRENT_WATERMARK(rowtime)
UNION ALL
SELECT
    'tickers' AS topic,
    source,
    pair AS item,
    '' AS id,
    event_time,
    ingest_time,
    rowtime,
    CURRENT_WATERMARK(rowtime) AS watermark_time
FROM tickers_valid
WHERE rowtime <= CURRENT_WATERMARK(rowtime)
UNION ALL
SELECT
    'articles' AS topic,
    source,
    '' AS item,
    id,
    event_time,
    ingest_time,
    rowtime,
    CURRENT_WATERMARK(rowtime) AS watermark_time
FROM articles_valid
WHERE rowtime <= CURRENT_WATERMARK(rowtime)
UNION ALL
SELECT
    'prices' AS topic,
    source,
    symbol AS item,
    crypto_id AS id,
    event_time,
    ingest_time,
    rowtime,
    CURRENT_WATERMARK(rowtime) AS watermark_time
FROM prices_valid
WHERE rowtime <= CURRENT_WATERMARK(rowtime);
