-- Macro to the lake
-- Question:  Which values did the economic series have, for which day?
-- Grain:     one row per acceptable message, as it came
-- Key:       (kafka_partition, kafka_offset)
-- Watermark: not used; what is late is stored like any other
-- Mode:      streaming only: rows are only ever added, so a second run would add them again
INSERT INTO lake.`raw`.macro
SELECT
    `indicator`,
    `value`,
    `date`,
    frequency,
    rowtime,
    kafka_partition,
    kafka_offset,
    arrived_at
FROM macro_checked
WHERE problem IS NULL;
