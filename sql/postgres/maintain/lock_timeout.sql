-- Patience
-- Question:  How long do we wait for a table that others use? They wait behind us meanwhile
-- Grain:     one row
SELECT set_config('lock_timeout', %(milliseconds)s, FALSE);
