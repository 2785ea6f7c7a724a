-- Suspects
-- Question:  Which messages might not be acceptable, with their text?
-- Grain:     one row per message that is not in the plain form our own producers write
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: none
-- Why:       a dead letter needs the original text, which the JSON tables do not keep; a join gives it back. The filter
--            keeps that join's state small: a message in the plain form, and not from the future, is acceptable for sure
CREATE TEMPORARY VIEW suspects AS
SELECT *
FROM messages
WHERE NOT COALESCE(
    (
        kafka_topic = ${TOPIC_TRADES} AND REGEXP(message, ${TRADES_PLAIN_FORM})
        OR kafka_topic = ${TOPIC_TICKERS} AND REGEXP(message, ${TICKERS_PLAIN_FORM})
    )
    AND TO_TIMESTAMP_LTZ(CAST(REGEXP_EXTRACT(message, '"event_time":([0-9]{13})', 1) AS BIGINT), 3)
    <= arrived_at + ${MAX_FUTURE},
    FALSE
);
