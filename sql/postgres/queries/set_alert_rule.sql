-- Set an alert rule
-- Question:  From which threshold on is there to be an alert?
-- Grain:     one row; null takes the rule back
INSERT INTO alert_rules (alert_type, symbol, valid_from, threshold)
VALUES (%(alert_type)s, %(symbol)s, %(valid_from)s, %(threshold)s)
ON CONFLICT (alert_type, symbol, valid_from) DO UPDATE SET threshold = excluded.threshold;
