-- Options of the analytics job
-- Why:       a day's volume is kept no longer than the topics keep messages: nothing older can come.
--            Every window takes its share of a slot's managed memory, and one that has less than 1 MiB fails: so each is
--            one operator, not one before and one behind the exchange
SET 'table.exec.state.ttl' = ${KAFKA_RETENTION_MS};
SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';
