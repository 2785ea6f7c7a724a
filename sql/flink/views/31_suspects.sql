-- Suspects
-- Question:  Which messages might not be acceptable, with their text?
-- Grain:     one row per message that is not in the plain form our own producers write
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: none
-- Why:       a dead letter needs the original text, which the JSON tables do not keep; a join gives it back. The filter
--            keeps that join's state small: a message in the plain form, and not from the future, is acceptable for sure
--            (of macro: with the midnight that begins its date)
CREATE TEMPORARY VIEW suspects AS
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    arrived_at,
    octets,
    -- What IS JSON judges in the place of octets, because it is stricter than the JSON tables, and they than a decoder:
    -- they take a byte order mark, control characters inside a text (so x, which outside breaks it just as well) and
    -- exponents beyond all bounds, but no bytes that are not UTF-8: a lead without its followers, or the reverse.
    -- Only where it is wanted: Flink puts what reads it before the filter below.
    CASE
        WHEN NOT is_plain
            THEN
                REGEXP_REPLACE(
                    REGEXP_REPLACE(
                        REGEXP_REPLACE(REGEXP_REPLACE(octets, '^\xEF\xBB\xBF|[\t\r\n]', ' '), '[\x00-\x1F]', 'x'),
                        '(?<=[eE][+-]?)[0-9]{9,}', '9'
                    ),
                    '[\xC0-\xDF](?![\x80-\xBF])|[\xE0-\xEF](?![\x80-\xBF]{2})|[\xF0-\xF7](?![\x80-\xBF]{3})|[\xF8-\xFF]'
                    || '|(?<![\xC0-\xF7]|[\xE0-\xF7][\x80-\xBF]|[\xF0-\xF7][\x80-\xBF]{2})[\x80-\xBF]', U&'\0001'
                )
    END AS as_read
FROM (
    SELECT
        *,
        COALESCE(
            (
                kafka_topic = ${TOPIC_TRADES} AND REGEXP(octets, ${TRADES_PLAIN_FORM})
                OR kafka_topic = ${TOPIC_TICKERS} AND REGEXP(octets, ${TICKERS_PLAIN_FORM})
                OR kafka_topic = ${TOPIC_PRICES} AND REGEXP(octets, ${PRICES_PLAIN_FORM})
                OR kafka_topic = ${TOPIC_MARKET_SENTIMENT} AND REGEXP(octets, ${MARKET_SENTIMENT_PLAIN_FORM})
                OR kafka_topic = ${TOPIC_MACRO} AND REGEXP(octets, ${MACRO_PLAIN_FORM})
                AND CONCAT(REGEXP_EXTRACT(octets, '"date":"([0-9-]{10})"', 1), ' 00:00:00.000')
                = DATE_FORMAT(
                    TO_TIMESTAMP_LTZ(CAST(REGEXP_EXTRACT(octets, '"event_time":(-?[0-9]{1,13})', 1) AS BIGINT), 3),
                    'yyyy-MM-dd HH:mm:ss.SSS'
                )
            )
            AND TO_TIMESTAMP_LTZ(CAST(REGEXP_EXTRACT(octets, '"event_time":(-?[0-9]{1,13})', 1) AS BIGINT), 3)
            <= arrived_at + ${MAX_FUTURE},
            FALSE
        ) AS is_plain
    FROM messages
)
WHERE NOT is_plain;
