"""The `tidemark` command and the local stack: Kafka, PostgreSQL and Flink as supervised processes."""
