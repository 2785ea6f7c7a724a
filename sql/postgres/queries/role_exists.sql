-- Role exists
-- Question: Is there a role of this name?
-- Grain:    one row if so, else none
SELECT 1
FROM pg_roles
WHERE rolname = %(role)s;
