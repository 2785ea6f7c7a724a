-- Options of the ingest job
-- Why:       the join that gives a rejected message its text back keeps state no longer than the topics keep messages
SET 'table.exec.state.ttl' = ${KAFKA_RETENTION_MS};
