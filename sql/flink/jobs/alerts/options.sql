-- Options of the alerts job
-- Why:       the alerts topic is written exactly once, so an alert is seen when the next checkpoint commits it. From a
--            trade to an alert there are half a dozen steps between which rows are sent: what is not full is sent on
--            after 10 ms, not 100. The job has many windows, and each takes its share of a slot's managed memory:
--            without a local phase there are half as many. Beginnings and ends have a sink each (alert_data_begun),
--            which Flink would make one of. No cancelled task is given up on: by default one that has not ended after 3
--            minutes ends its TaskManager, and with it the other jobs
SET 'execution.checkpointing.interval' = ${ALERTS_CHECKPOINT_INTERVAL};
SET 'execution.buffer-timeout.interval' = '10 ms';
SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';
SET 'table.optimizer.reuse-sink-enabled' = 'false';
SET 'task.cancellation.timeout' = '0 ms';
