-- Suspects
-- Question:  Which messages might not be acceptable, with their text?
-- Grain:     one row per message that is not in the plain form our own producers write
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: none
-- Why:       a dead letter needs the original text, which the JSON tables do not keep; a join gives it back. The filter
--            keeps that join's state small: a message in the plain form, and not from the future, is acceptable for sure
CREATE TEMPORARY VIEW suspects AS
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    arrived_at,
    octets,
    -- Bytes that no UTF-8 decoder takes: a lead without what must follow it, a follower without its lead.
    REGEXP(
        octets,
        '[\xC0-\xDF](?![\x80-\xBF])|[\xE0-\xEF](?![\x80-\xBF]{2})|[\xF0-\xF7](?![\x80-\xBF]{3})|[\xF8-\xFF]'
        || '|(?<![\xC0-\xF7]|[\xE0-\xF7][\x80-\xBF]|[\xF0-\xF7][\x80-\xBF]{2})[\x80-\xBF]'
    ) AS is_broken,
    -- What IS JSON is stricter about than the JSON tables: a byte order mark, control characters inside a text (x,
    -- not nothing, because outside they break it), exponents beyond all bounds.
    REGEXP_REPLACE(
        REGEXP_REPLACE(REGEXP_REPLACE(octets, '^\xEF\xBB\xBF|[\t\r\n]', ' '), '[\x00-\x1F]', 'x'),
        '(?<=[eE][+-]?)[0-9]{9,}', '9'
    ) AS leniently
FROM messages
WHERE NOT COALESCE(
    (
        kafka_topic = ${TOPIC_TRADES} AND REGEXP(octets, ${TRADES_PLAIN_FORM})
        OR kafka_topic = ${TOPIC_TICKERS} AND REGEXP(octets, ${TICKERS_PLAIN_FORM})
    )
    AND TO_TIMESTAMP_LTZ(CAST(REGEXP_EXTRACT(octets, '"event_time":([0-9]{13})', 1) AS BIGINT), 3)
    <= arrived_at + ${MAX_FUTURE},
    FALSE
);
