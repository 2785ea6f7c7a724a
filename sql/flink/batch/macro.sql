-- Macro, from the lake
-- Question:  Which values did the economic series have, for which day?
-- Grain:     one row per row of lake.raw.macro: all, whatever the range, since the last one before it holds on
-- Key:       (kafka_partition, kafka_offset)
-- Watermark: none
-- Why:       in batch it takes the place of the table over the topic
CREATE TEMPORARY VIEW macro AS
SELECT
    `indicator`,
    `value`,
    `date`,
    frequency,
    event_time,
    ${TOPIC_MACRO} AS kafka_topic,
    kafka_partition,
    kafka_offset,
    arrived_at,
    rowtime,
    TO_TIMESTAMP_LTZ(event_time + ${MACRO_KNOWN_AFTER_MS}, 3) AS known_from
FROM (
    SELECT
        `indicator`,
        `value`,
        `date`,
        frequency,
        -- A midnight. In days, because before 1902 the seconds would not fit into what TIMESTAMPDIFF gives.
        TIMESTAMPDIFF(DAY, TO_TIMESTAMP_LTZ(0, 3), event_time) * CAST(86400000 AS BIGINT) AS event_time,
        kafka_partition,
        kafka_offset,
        CAST(arrived_at AS TIMESTAMP_LTZ(3)) AS arrived_at,
        CAST(event_time AS TIMESTAMP_LTZ(3)) AS rowtime
    FROM lake.`raw`.macro
);
