-- Macro, valid
-- Question:  Which observations may be counted on?
-- Grain:     one row per acceptable message; one sent twice, or revised, is here twice
-- Key:       (indicator, date), not unique here
-- Watermark: that of macro
CREATE TEMPORARY VIEW macro_valid AS
SELECT
    `indicator`,
    `value`,
    `date`,
    frequency,
    event_time,
    rowtime,
    known_from,
    arrived_at,
    kafka_offset
FROM macro_checked
WHERE problem IS NULL;
