"""The Kafka topics: made with the partitions and the retention that the settings say, and counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tidemark import endpoints
from tidemark.settings import Settings


def admin(settings: Settings, *, timeout_ms: int = 10_000) -> Any:
    """Return an admin client of the broker; use it with ``with``. Raises kafka.errors.KafkaError without a broker."""
    from kafka import KafkaAdminClient

    return KafkaAdminClient(
        bootstrap_servers=endpoints.kafka_bootstrap(settings),
        client_id="tidemark",
        bootstrap_timeout_ms=timeout_ms,
        request_timeout_ms=timeout_ms,
    )


def names(settings: Settings) -> list[str]:
    """Return the names of all topics of Tidemark."""
    return list(settings.topics.model_dump().values())


def create(settings: Settings) -> list[str]:
    """Make the topics that are not there yet; return their names. Those there already are left as they are."""
    configs = {
        "retention.ms": str(round(settings.kafka.retention / timedelta(milliseconds=1))),
        # Retention counts from the arrival: a replay of last year's trades must not be deleted at once.
        "message.timestamp.type": "LogAppendTime",
    }
    with admin(settings, timeout_ms=30_000) as client:
        there = set(client.list_topics())
        missing = [name for name in names(settings) if name not in there]
        if missing:
            spec = {"num_partitions": settings.kafka.partitions, "configs": configs}
            client.create_topics(dict.fromkeys(missing, spec), wait_for_metadata=True)
    return missing


def count(settings: Settings) -> dict[str, int]:
    """Return by topic how many offsets lie between its beginning and its end.

    That is the number of messages, plus one per partition and transaction where a transactional producer writes
    (the alerts topic).
    """
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec

    with admin(settings) as client:
        described = client.describe_topics(names(settings))
        partitions = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in described
            for partition in topic["partitions"]
        ]
        first = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        last = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    counts = dict.fromkeys((partition.topic for partition in partitions), 0)
    for partition in partitions:
        counts[partition.topic] += last[partition].offset - first[partition].offset
    return counts
