-- Economic series
-- Question: Which values did the economic series have?
-- Grain:    one row per series and day, newest first; after (last, after_indicator) on the way back
SELECT
    event_time AS timestamp,
    indicator,
    value,
    frequency
FROM macro_data
WHERE
    event_time >= %(start)s
    AND event_time <= %(last)s
    AND (event_time, indicator) < (%(last)s, %(after_indicator)s)
    AND (%(indicator)s::text IS NULL OR indicator = %(indicator)s)
ORDER BY event_time DESC, indicator DESC
LIMIT %(rows)s;
