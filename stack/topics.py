"""The Kafka topics: made with the partitions and the retention that the settings say, and counted."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any

from tidemark import kafka_clients
from tidemark.errors import UserError
from tidemark.settings import Settings


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
    with kafka_clients.admin(settings, timeout_ms=30_000) as client:
        there = set(client.list_topics())
        missing = [name for name in names(settings) if name not in there]
        if missing:
            spec = {"num_partitions": settings.kafka.partitions, "configs": configs}
            client.create_topics(dict.fromkeys(missing, spec), wait_for_metadata=True)
    return missing


def delete(settings: Settings) -> None:
    """Delete all topics of Tidemark with what they hold."""
    with kafka_clients.admin(settings, timeout_ms=30_000) as client:
        client.delete_topics(names(settings))


def recreate(settings: Settings) -> None:
    """Delete all topics of Tidemark with what they hold, and make them anew."""
    delete(settings)
    until = time.monotonic() + 30
    while True:
        with kafka_clients.admin(settings) as client:
            if not {*names(settings)} & {*client.list_topics()}:
                break
        if time.monotonic() > until:
            raise UserError("Kafka did not delete the topics within 30 s.", "See `tidemark logs kafka`.")
        time.sleep(0.1)
    create(settings)


def count(settings: Settings) -> dict[str, int]:
    """Return the number of messages by topic.

    Offsets tell it where producers are not transactional. Where Flink writes exactly once they do not, since each
    transaction's end takes one too: these topics, which are small, are read.
    """
    counts = dict.fromkeys(names(settings), 0)
    with kafka_clients.admin(settings) as client:
        first, last = kafka_clients.ends(client, names(settings), committed=True)
    for partition in first:
        counts[partition.topic] += last[partition] - first[partition]
    for name in (settings.topics.alerts, settings.topics.dead_letters):
        counts[name] = sum(1 for _ in read(settings, name))
    return counts


def read(settings: Settings, name: str) -> Iterator[bytes]:
    """Yield the committed messages of a topic up to now, partition by partition."""
    return (record.value for record in records(settings, name))


def records(settings: Settings, name: str, only: Collection[tuple[int, int]] | None = None) -> Iterator[Any]:
    """Yield the committed records of a topic up to now as kafka-python has them, partition by partition; of these
    ``only`` the ones at a (partition, offset), where given.
    """
    with kafka_clients.admin(settings) as client:
        first, last = kafka_clients.ends(client, [name], committed=True)
    consumer = kafka_clients.consumer(settings, isolation_level="read_committed")
    try:
        for partition, end in last.items():
            begin = first[partition]
            if only is not None:
                offsets = [offset for number, offset in only if number == partition.partition]
                begin = max(begin, min(offsets, default=end))
                end = min(end, max(offsets, default=begin) + 1)
            if end <= begin:
                continue
            consumer.assign([partition])
            consumer.seek(partition, begin)
            # The position passes the markers of transactions, which no message shows.
            while consumer.position(partition) < end:
                for found in consumer.poll(timeout_ms=500).values():
                    for record in found:
                        if record.offset < end and (only is None or (record.partition, record.offset) in only):
                            yield record
    finally:
        consumer.close()


def topic_id(settings: Settings, name: str) -> str:
    """Return Kafka's own id of a topic, which another topic of the same name, made later, does not have."""
    with kafka_clients.admin(settings) as client:
        (topic,) = client.describe_topics([name])
    return str(topic["topic_id"])
