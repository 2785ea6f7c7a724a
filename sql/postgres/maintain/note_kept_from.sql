-- What is from before this moment has been dropped, so that rollups of it are not computed from what is left.
UPDATE storage.policies
SET kept_from = greatest(kept_from, %(old)s)
WHERE table_name = %(table)s;
