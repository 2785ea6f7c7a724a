-- Spikes
-- Question: Which spikes were found?
-- Grain:    one row per spike; began is epoch ms
SELECT
    pair,
    round(extract(EPOCH FROM event_time) * 1000)::bigint AS began,
    change_percent,
    detail
FROM alert_data
WHERE alert_type = 'spike'
ORDER BY event_time;
