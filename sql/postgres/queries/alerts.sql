-- Alerts of a type
-- Question: Which alerts of a type were there?
-- Grain:    one row per alert; began is epoch ms
SELECT
    symbol,
    pair,
    round(extract(EPOCH FROM event_time) * 1000)::bigint AS began,
    change_percent,
    detail
FROM alert_data
WHERE alert_type = %(alert_type)s
ORDER BY event_time;
