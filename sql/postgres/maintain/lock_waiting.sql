-- Maintenance lock, waiting
-- Question:  Is it our turn? Waits until it is; the end of the connection gives the lock back
-- Grain:     one row
SELECT pg_advisory_lock(%(lock)s);
