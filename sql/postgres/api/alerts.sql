-- Alerts
-- Question: What was worth an alert?
-- Grain:    one row per alert, newest first; after (last, after_id) on the way back
SELECT
    event_time AS timestamp,
    alert_id,
    alert_type,
    symbol AS crypto_symbol,
    pair,
    last_price,
    change_percent,
    threshold,
    severity,
    detail,
    detected_at,
    ended_at
FROM alert_data
WHERE
    event_time >= %(start)s
    AND event_time <= %(last)s
    AND (event_time, alert_id) < (%(last)s, %(after_id)s)
    AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
    AND (%(pair)s::text IS NULL OR pair = %(pair)s)
    AND (%(type)s::text IS NULL OR alert_type = %(type)s)
    AND (%(severity)s::text IS NULL OR severity = %(severity)s)
    AND (%(change)s::double precision IS NULL OR abs(change_percent) >= %(change)s)
ORDER BY event_time DESC, alert_id DESC
LIMIT %(rows)s;
