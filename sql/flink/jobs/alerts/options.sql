-- Options of the alerts job
-- Why:       the alerts topic is written exactly once, so an alert is seen when the next checkpoint commits it
SET 'execution.checkpointing.interval' = ${ALERTS_CHECKPOINT_INTERVAL};
