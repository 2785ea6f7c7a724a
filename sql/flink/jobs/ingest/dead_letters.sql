-- Dead letters
-- Question:  Which messages could not be accepted, and why?
-- Grain:     one row per rejected message: what is no JSON object, and what the checks refuse
-- Key:       (original_topic, partition, offset)
-- Watermark: not used
-- Why:       the JSON tables silently skip what is no JSON object, so the text table must report exactly that. Of an
--            array they read each object as a message of its own, so one that begins with an object is left to them
INSERT INTO dead_letters
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    'not_json',
    'the message is not a JSON object',
    message,
    TIMESTAMPDIFF(SECOND, TO_TIMESTAMP_LTZ(0, 3), arrived_at) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM arrived_at)
FROM suspects
WHERE
    message IS NULL
    OR NOT (message IS JSON OBJECT OR (message IS JSON ARRAY AND REGEXP(message, '^\s*\[\s*\{')))
UNION ALL
SELECT
    r.kafka_topic,
    r.kafka_partition,
    r.kafka_offset,
    SPLIT_INDEX(r.problem, ': ', 0),
    SPLIT_INDEX(r.problem, ': ', 1),
    s.message,
    TIMESTAMPDIFF(SECOND, TO_TIMESTAMP_LTZ(0, 3), s.arrived_at) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM s.arrived_at)
FROM rejects AS r
INNER JOIN suspects AS s
    ON
        r.kafka_topic = s.kafka_topic
        AND r.kafka_partition = s.kafka_partition
        AND r.kafka_offset = s.kafka_offset;
