-- Quality parts
-- Question:  What adds to the account of each feed and minute?
-- Grain:     one row per contribution: what was in time in a minute, a late message, a rejected one, a gap
-- Key:       none
-- Watermark: that of each topic
-- Why:       they come at different times, and are summed by what reads this. The minute is that of the event time, of a
--            rejected message that of its arrival: it has no other time to go by, and often no source
-- Formula:   delay = ingest time - event time, in milliseconds
-- Mode:      streaming only: batch has no watermark
CREATE TEMPORARY VIEW quality_parts AS
SELECT
    'trades' AS topic,
    source,
    window_start AS minute_start,
    COUNT(*) AS valid,
    COUNT(*) - COUNT(DISTINCT CONCAT_WS('|', pair, trade_id, CAST(event_time AS STRING))) AS duplicate,
    CAST(0 AS BIGINT) AS rejected,
    CAST(0 AS BIGINT) AS late,
    CAST(0 AS BIGINT) AS gap,
    PERCENTILE(ingest_time - event_time, 0.5) AS delay_p50,
    PERCENTILE(ingest_time - event_time, 0.99) AS delay_p99
FROM TABLE(TUMBLE(TABLE trades_in_time, DESCRIPTOR(rowtime), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, source
UNION ALL
SELECT
    'tickers' AS topic,
    source,
    window_start AS minute_start,
    COUNT(*) AS valid,
    COUNT(*) - COUNT(DISTINCT CONCAT_WS('|', pair, CAST(event_time AS STRING))) AS duplicate,
    CAST(0 AS BIGINT) AS rejected,
    CAST(0 AS BIGINT) AS late,
    CAST(0 AS BIGINT) AS gap,
    PERCENTILE(ingest_time - event_time, 0.5) AS delay_p50,
    PERCENTILE(ingest_time - event_time, 0.99) AS delay_p99
FROM TABLE(TUMBLE(TABLE tickers_in_time, DESCRIPTOR(rowtime), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, source
UNION ALL
SELECT
    'articles' AS topic,
    source,
    window_start AS minute_start,
    COUNT(*) AS valid,
    COUNT(*) - COUNT(DISTINCT id) AS duplicate,
    CAST(0 AS BIGINT) AS rejected,
    CAST(0 AS BIGINT) AS late,
    CAST(0 AS BIGINT) AS gap,
    PERCENTILE(ingest_time - event_time, 0.5) AS delay_p50,
    PERCENTILE(ingest_time - event_time, 0.99) AS delay_p99
FROM TABLE(TUMBLE(TABLE articles_in_time, DESCRIPTOR(rowtime), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, source
UNION ALL
SELECT
    'prices' AS topic,
    source,
    window_start AS minute_start,
    COUNT(*) AS valid,
    COUNT(*) - COUNT(DISTINCT CONCAT_WS('|', symbol, crypto_id, CAST(event_time AS STRING))) AS duplicate,
    CAST(0 AS BIGINT) AS rejected,
    CAST(0 AS BIGINT) AS late,
    CAST(0 AS BIGINT) AS gap,
    PERCENTILE(ingest_time - event_time, 0.5) AS delay_p50,
    PERCENTILE(ingest_time - event_time, 0.99) AS delay_p99
FROM TABLE(TUMBLE(TABLE prices_in_time, DESCRIPTOR(rowtime), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, source
UNION ALL
SELECT
    topic,
    source,
    CAST(TO_TIMESTAMP_LTZ(event_time - MOD(event_time, 60000), 3) AS TIMESTAMP(3)) AS minute_start,
    CAST(1 AS BIGINT) AS valid,
    CAST(0 AS BIGINT) AS duplicate,
    CAST(0 AS BIGINT) AS rejected,
    CAST(1 AS BIGINT) AS late,
    CAST(0 AS BIGINT) AS gap,
    CAST(NULL AS DOUBLE) AS delay_p50,
    CAST(NULL AS DOUBLE) AS delay_p99
FROM late_rows
UNION ALL
SELECT
    'trades' AS topic,
    source,
    CAST(TO_TIMESTAMP_LTZ(from_time - MOD(from_time, 60000), 3) AS TIMESTAMP(3)) AS minute_start,
    CAST(0 AS BIGINT) AS valid,
    CAST(0 AS BIGINT) AS duplicate,
    CAST(0 AS BIGINT) AS rejected,
    CAST(0 AS BIGINT) AS late,
    last_id - first_id + 1 AS gap,
    CAST(NULL AS DOUBLE) AS delay_p50,
    CAST(NULL AS DOUBLE) AS delay_p99
FROM gaps
UNION ALL
SELECT
    CASE original_topic
        WHEN ${TOPIC_TRADES} THEN 'trades' WHEN ${TOPIC_TICKERS} THEN 'tickers'
        WHEN ${TOPIC_ARTICLES} THEN 'articles' WHEN ${TOPIC_PRICES} THEN 'prices' ELSE original_topic
    END AS topic,
    CASE
        WHEN REGEXP(JSON_VALUE(message, '$.source'), ${TRADES_SOURCE_FORM}) THEN JSON_VALUE(message, '$.source') ELSE ''
    END AS source,
    CAST(TO_TIMESTAMP_LTZ(event_time - MOD(event_time, 60000), 3) AS TIMESTAMP(3)) AS minute_start,
    CAST(0 AS BIGINT) AS valid,
    CAST(0 AS BIGINT) AS duplicate,
    CAST(1 AS BIGINT) AS rejected,
    CAST(0 AS BIGINT) AS late,
    CAST(0 AS BIGINT) AS gap,
    CAST(NULL AS DOUBLE) AS delay_p50,
    CAST(NULL AS DOUBLE) AS delay_p99
FROM dead_letters;
