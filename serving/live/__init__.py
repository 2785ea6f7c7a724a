"""What happens right now, from Kafka to whoever watches: one reader a process, many WebSockets and event streams."""
