-- Trades, checked
-- Question:  What is wrong with each message of the trades topic, if anything?
-- Grain:     one row per JSON object on the topic
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: that of trades
-- Why:       the one place that says when a trade is acceptable; bounds and forms come from producers/schemas/trades.avsc
--            x - x <> 0 finds NaN and infinity, which the negation of a range does not: Flink turns it into x <= 0 OR x > n
CREATE TEMPORARY VIEW trades_checked AS
SELECT
    *,
    CASE
        WHEN source IS NULL OR NOT REGEXP(source, ${TRADES_SOURCE_FORM}) THEN 'invalid_field: source'
        WHEN symbol IS NULL OR NOT REGEXP(symbol, ${TRADES_SYMBOL_FORM}) THEN 'invalid_field: symbol'
        WHEN pair IS NULL OR NOT REGEXP(pair, ${TRADES_PAIR_FORM}) THEN 'invalid_field: pair'
        WHEN trade_id IS NULL OR NOT REGEXP(trade_id, ${TRADES_TRADE_ID_FORM}) THEN 'invalid_field: trade_id'
        WHEN side IS NULL OR side NOT IN ('buy', 'sell') THEN 'invalid_field: side'
        WHEN price IS NULL THEN 'invalid_field: price'
        WHEN quantity IS NULL THEN 'invalid_field: quantity'
        WHEN event_time IS NULL THEN 'invalid_field: event_time'
        WHEN ingest_time IS NULL THEN 'invalid_field: ingest_time'
        WHEN price - price <> 0 THEN 'invalid_field: price'
        WHEN NOT (price > 0 AND price <= ${TRADES_PRICE_MAXIMUM}) THEN 'out_of_range: price'
        WHEN quantity - quantity <> 0 THEN 'invalid_field: quantity'
        WHEN NOT (quantity > 0 AND quantity <= ${TRADES_QUANTITY_MAXIMUM}) THEN 'out_of_range: quantity'
        WHEN rowtime IS NULL THEN 'time_out_of_range: event_time'
        WHEN ingest_time NOT BETWEEN ${EARLIEST_EVENT_TIME} AND ${LATEST_TIME} THEN 'time_out_of_range: ingest_time'
    END AS problem
FROM trades
WHERE ${READ_RANGE};
