-- Dead letters
-- Question:  Which messages could not be accepted, and why?
-- Grain:     one row per rejected message: what is no JSON object, and what the checks refuse
-- Key:       (original_topic, partition, offset)
-- Watermark: not used
-- Why:       the JSON tables silently skip what is no JSON object, so the text table must report exactly that. Of an
--            array they read each object as a message of its own, so one that begins with an object is left to them.
--            A letter must fit into a Kafka message itself, so a very long text is cut
-- Mode:      streaming only: what is rejected was reported when it came
INSERT INTO dead_letters
SELECT
    kafka_topic,
    kafka_partition,
    kafka_offset,
    problem,
    CASE WHEN CHAR_LENGTH(octets) > 150000 THEN CONCAT(detail, ' (the first 150000 bytes kept)') ELSE detail END,
    CASE
        WHEN octets IS NULL THEN ''
        WHEN REGEXP(as_read, '\x01') THEN LEFT(octets, 150000)  -- not UTF-8: better as ISO 8859-1 than half of it
        ELSE DECODE(ENCODE(LEFT(octets, 150000), 'ISO-8859-1'), 'UTF-8')
    END,
    TIMESTAMPDIFF(SECOND, TO_TIMESTAMP_LTZ(0, 3), arrived_at) * CAST(1000 AS BIGINT)
    + EXTRACT(MILLISECOND FROM arrived_at)
FROM (
    SELECT
        kafka_topic,
        kafka_partition,
        kafka_offset,
        arrived_at,
        'not_json' AS problem,
        'the message is not a JSON object' AS detail,
        octets,
        as_read
    FROM suspects
    WHERE
        octets IS NULL
        OR NOT (as_read IS JSON OBJECT OR (as_read IS JSON ARRAY AND REGEXP(as_read, '^\s*\[\s*\{')))
    UNION ALL
    SELECT
        r.kafka_topic,
        r.kafka_partition,
        r.kafka_offset,
        s.arrived_at,
        SPLIT_INDEX(r.problem, ': ', 0) AS problem,
        SPLIT_INDEX(r.problem, ': ', 1) AS detail,
        s.octets,
        s.as_read
    FROM rejects AS r
    INNER JOIN suspects AS s
        ON
            r.kafka_topic = s.kafka_topic
            AND r.kafka_partition = s.kafka_partition
            AND r.kafka_offset = s.kafka_offset
);
