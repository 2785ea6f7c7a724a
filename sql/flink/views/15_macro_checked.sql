-- Macro, checked
-- Question:  What is wrong with each message of the topic, if anything?
-- Grain:     one row per JSON object on the topic
-- Key:       (kafka_topic, kafka_partition, kafka_offset)
-- Watermark: that of macro
-- Why:       the one place that says when an observation is acceptable; bounds and forms come from
--            producers/schemas/macro.avsc
--            x - x <> 0 finds NaN and infinity, which the negation of a range does not: Flink turns it into x < a OR x > b
CREATE TEMPORARY VIEW macro_checked AS
SELECT
    *,
    CASE
        WHEN `indicator` IS NULL OR NOT REGEXP(`indicator`, ${MACRO_INDICATOR_FORM}) THEN 'invalid_field: indicator'
        WHEN `value` IS NULL THEN 'invalid_field: value'
        WHEN `date` IS NULL OR NOT REGEXP(`date`, ${MACRO_DATE_FORM}) THEN 'invalid_field: date'
        WHEN frequency IS NULL OR NOT REGEXP(frequency, ${MACRO_FREQUENCY_FORM}) THEN 'invalid_field: frequency'
        WHEN event_time IS NULL THEN 'invalid_field: event_time'
        WHEN `value` - `value` <> 0 THEN 'invalid_field: value'
        WHEN `value` NOT BETWEEN ${MACRO_VALUE_MINIMUM} AND ${MACRO_VALUE_MAXIMUM} THEN 'out_of_range: value'
        WHEN rowtime IS NULL THEN 'time_out_of_range: event_time'
        -- So there is such a day (not 30 February), too.
        WHEN DATE_FORMAT(rowtime, 'yyyy-MM-dd HH:mm:ss.SSS') <> CONCAT(`date`, ' 00:00:00.000')
            THEN 'invalid_field: date'
    END AS problem
FROM macro;
