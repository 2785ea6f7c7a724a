-- Maintenance lock
-- Question:  Is it our turn? Not waiting for it
-- Grain:     one row
SELECT pg_try_advisory_lock(%(lock)s);
