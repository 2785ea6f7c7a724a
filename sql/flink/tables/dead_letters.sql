-- Dead letters
-- Question:  Which messages could not be accepted, and why?
-- Grain:     one row per rejected message
-- Key:       (original_topic, partition, offset) for what reached a topic
-- Watermark: none
CREATE TABLE dead_letters (
    original_topic STRING,
    `partition` INT,
    `offset` BIGINT,
    `error` STRING,
    detail STRING,
    message STRING,
    event_time BIGINT
) WITH (
    ${KAFKA_JSON_TABLE},
    'topic' = ${TOPIC_DEAD_LETTERS},
    'sink.transactional-id-prefix' = ${TRANSACTIONS_DEAD_LETTERS}
);
