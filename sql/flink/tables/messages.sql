-- Messages
-- Question:  What exactly is on the input topics, whether it can be read or not?
-- Grain:     one row per Kafka record of every input topic
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: none
-- Why:       the JSON tables skip what is not a JSON object and do not keep the original text; this one misses nothing.
--            octets has one character per byte (ISO 8859-1), because a text would hide which bytes are not UTF-8
CREATE TABLE messages (
    octets STRING,
    kafka_topic STRING NOT NULL METADATA FROM 'topic' VIRTUAL,
    kafka_partition INT NOT NULL METADATA FROM 'partition' VIRTUAL,
    kafka_offset BIGINT NOT NULL METADATA FROM 'offset' VIRTUAL,
    arrived_at TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,
    message AS DECODE(ENCODE(octets, 'ISO-8859-1'), 'UTF-8')
) WITH (
    ${KAFKA_TEXT_SOURCE},
    'topic' = ${INPUT_TOPICS}
);
