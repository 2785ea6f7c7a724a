-- A new partition
-- Question:  How many rows of its time did the default partition have?
-- Grain:     one row; they are in the new one then
SELECT storage.add_partition(%(table)s, %(begins)s);
