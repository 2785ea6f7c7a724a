-- TimescaleDB's jobs
-- Question:  None; they drop, compress and refresh as the settings say from now on
-- Grain:     one row
SELECT storage.set_chunk_policies(%(retention)s, %(compact_after)s, %(refresh)s);
