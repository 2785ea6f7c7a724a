-- Tickers, checked
-- Question:  What is wrong with each message of the tickers topic, if anything?
-- Grain:     one row per JSON object on the topic
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: that of tickers
-- Why:       the one place that says when a ticker is acceptable; bounds and forms come from producers/schemas/tickers.avsc
--            x - x <> 0 finds NaN and infinity, which the negation of a range does not: Flink turns it into x <= 0 OR x > n
CREATE TEMPORARY VIEW tickers_checked AS
SELECT
    *,
    CASE
        WHEN source IS NULL OR NOT REGEXP(source, ${TICKERS_SOURCE_FORM}) THEN 'invalid_field: source'
        WHEN symbol IS NULL OR NOT REGEXP(symbol, ${TICKERS_SYMBOL_FORM}) THEN 'invalid_field: symbol'
        WHEN pair IS NULL OR NOT REGEXP(pair, ${TICKERS_PAIR_FORM}) THEN 'invalid_field: pair'
        WHEN `last` IS NULL THEN 'invalid_field: last'
        WHEN event_time IS NULL THEN 'invalid_field: event_time'
        WHEN ingest_time IS NULL THEN 'invalid_field: ingest_time'
        WHEN `last` - `last` <> 0 THEN 'invalid_field: last'
        WHEN NOT (`last` > 0 AND `last` <= ${TICKERS_LAST_MAXIMUM}) THEN 'out_of_range: last'
        WHEN bid - bid <> 0 THEN 'invalid_field: bid'
        WHEN bid IS NOT NULL AND NOT (bid > 0 AND bid <= ${TICKERS_BID_MAXIMUM}) THEN 'out_of_range: bid'
        WHEN ask - ask <> 0 THEN 'invalid_field: ask'
        WHEN ask IS NOT NULL AND NOT (ask > 0 AND ask <= ${TICKERS_ASK_MAXIMUM}) THEN 'out_of_range: ask'
        WHEN volume_24h - volume_24h <> 0 THEN 'invalid_field: volume_24h'
        WHEN volume_24h IS NOT NULL AND NOT (volume_24h >= 0 AND volume_24h <= ${TICKERS_VOLUME_24H_MAXIMUM})
            THEN 'out_of_range: volume_24h'
        WHEN change_pct - change_pct <> 0 THEN 'invalid_field: change_pct'
        WHEN change_pct IS NOT NULL AND NOT (change_pct >= -100 AND change_pct <= ${TICKERS_CHANGE_PCT_MAXIMUM})
            THEN 'out_of_range: change_pct'
        WHEN rowtime IS NULL THEN 'time_out_of_range: event_time'
        WHEN ingest_time NOT BETWEEN ${EARLIEST_EVENT_TIME} AND ${LATEST_TIME} THEN 'time_out_of_range: ingest_time'
    END AS problem
FROM tickers
WHERE ${READ_RANGE};
