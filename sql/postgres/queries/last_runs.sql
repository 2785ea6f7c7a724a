-- Last runs
-- Question:  When was the database maintained, and what came of it?
-- Grain:     one row per task: maintain, rollups
SELECT
    task,
    ended_at,
    seconds,
    failed,
    result
FROM storage.last_runs
ORDER BY task;
