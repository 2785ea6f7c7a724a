-- Alerts that have ended
-- Question:  When was what an alert is about over?
-- Grain:     one row per alert
-- Key:       alert_id
-- Watermark: none
-- Why:       the job alerts writes an alert as it begins and once more as it ends, and either may come first here

ALTER TABLE alert_data ADD COLUMN ended_at timestamptz(3);

-- Keep what is known: the end, and when the alert was first found.
CREATE FUNCTION keep_end_of_alert() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    first_found timestamptz(3) := LEAST(old.detected_at, new.detected_at);
BEGIN
    IF old.ended_at IS NOT NULL AND new.ended_at IS NULL THEN
        new := old;
    END IF;
    new.detected_at := first_found;
    RETURN new;
END;
$$;

CREATE TRIGGER keep_end_of_alert BEFORE UPDATE ON alert_data
FOR EACH ROW EXECUTE FUNCTION keep_end_of_alert();
