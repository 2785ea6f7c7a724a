-- Macro, by minute
-- Question:  Which values of all economic series were in force in each minute of a market?
-- Grain:     one row per venue, pair and minute with a trade in it, if any value was known
-- Key:       (source, pair, minute_time)
-- Watermark: that of macro_in_force
-- Why:       one JSON object for all series, since which there are is a setting; the names are in order of the alphabet, and
--            no name needs quoting
CREATE TEMPORARY VIEW macro_minutes AS
SELECT
    window_time AS minute_time,
    source,
    pair,
    MAX(CASE WHEN `indicator` = ${POLICY_RATE} THEN `value` END) AS policy_rate,
    CONCAT(
        '{', ARRAY_JOIN(ARRAY_SORT(ARRAY_AGG(CONCAT('"', `indicator`, '":', CAST(`value` AS STRING)))), ','), '}'
    ) AS macro
FROM TABLE(TUMBLE(TABLE macro_in_force, DESCRIPTOR(minute_time), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, window_time, source, pair;
