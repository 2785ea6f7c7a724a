-- Options of the lake job
-- Why:       each checkpoint commits a file per table and partition: fewer of them make fewer and larger files
SET 'execution.checkpointing.interval' = ${LAKE_CHECKPOINT_INTERVAL};
