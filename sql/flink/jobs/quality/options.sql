-- Options of the quality job
-- Why:       what is known of a gap or a minute is kept no longer than the topics keep messages: nothing older can come
SET 'table.exec.state.ttl' = ${KAFKA_RETENTION_MS};
