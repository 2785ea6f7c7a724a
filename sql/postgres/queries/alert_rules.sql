-- Alert rules in force
-- Question:  Which rules hold at a moment, or will?
-- Grain:     one row per type and symbol (* for all others), and one per change to come
SELECT
    alert_type,
    symbol,
    threshold,
    valid_from
FROM (
    SELECT
        alert_type,
        symbol,
        threshold,
        valid_from,
        lead(valid_from) OVER (PARTITION BY alert_type, symbol ORDER BY valid_from) AS valid_to
    FROM alert_rules
) AS spans
WHERE (valid_to IS NULL OR valid_to > %(moment)s) AND (threshold IS NOT NULL OR valid_from > %(moment)s)
ORDER BY alert_type, symbol, valid_from;
