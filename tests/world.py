"""An isolated world on the running test stack: topics and a database of its own, and short words to use them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import Any

from kafka import TopicPartition
from psycopg2 import sql

from flink_jobs import cluster, runner
from producers import contract
from stack import database, migrate, topics
from tidemark import kafka_clients
from tidemark import settings as settings_module
from tidemark.settings import Settings, Topics

Value = Mapping[str, Any] | bytes | None  # fields, the bytes as they are, or a tombstone
Row = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ENDED = ("FINISHED", "FAILED", "CANCELED")
# A job ends with a checkpoint, so these make it end soon; and a failure in a test is a failure, not a new try.
_PACE = {"checkpoint_interval": "1s", "alerts_checkpoint_interval": "1s"}
_NO_RESTART = {"restart-strategy.type": "none"}


class World:
    """Settings that point at topics and a database which nobody else uses."""

    def __init__(self, stack: Settings, **overrides: Mapping[str, Any]) -> None:
        """Make topics, database, roles and tables; ``overrides`` are groups of settings."""
        name = f"t{uuid.uuid4().hex[:8]}"
        groups: dict[str, dict[str, Any]] = {
            "topics": {key: f"{name}.{topic}" for key, topic in Topics().model_dump().items()},
            "postgres": {"database": name},
            "flink": _PACE,
            "lake": {"enabled": False},  # else each would wait for its start; tests of the lake turn it on
            "storage": {"retention": "36500d"},  # the rows of tests may be of any time
        }
        for group, values in overrides.items():
            groups[group] = {**groups.get(group, {}), **values}
        self.settings = settings_module.load(data_dir=stack.data_dir, **groups)
        topics.create(self.settings)
        database.make_roles(self.settings)
        migrate.migrate(self.settings)

    def name(self, topic: str) -> str:
        """Return the Kafka topic that is ``topic`` (``trades``, ``dead_letters`` …) here."""
        found: str = getattr(self.settings.topics, topic)
        return found

    def put(
        self, topic: str, values: Iterable[Value], partition: int | Callable[[Any], int] = 0
    ) -> list[tuple[int, int]]:
        """Send ``values`` in order, to ``partition`` or where that says; return each one's (partition, offset)."""
        producer = kafka_clients.producer(self.settings, acks="all", enable_idempotence=True, linger_ms=20)
        try:
            futures = [
                producer.send(
                    self.name(topic),
                    value=contract.encode(value) if isinstance(value, Mapping) else value,
                    key=b"gone" if value is None else None,
                    partition=partition if isinstance(partition, int) else partition(value),
                )
                for value in values
            ]
            producer.flush(60)
            return [(done.partition, done.offset) for done in (future.get(60) for future in futures)]
        finally:
            producer.close()

    def run(self, *jobs: str, timeout: float = 240) -> None:
        """Run ``jobs`` side by side over what the topics hold now, until they have finished."""
        self.finish([self.submit(job, bounded=True) for job in jobs], timeout)

    def submit(self, job: str, *, bounded: bool = False) -> str:
        """Submit one job that a failure ends; return its id."""
        options = {**cluster.client_options(self.settings), **_NO_RESTART}
        return runner.submit(self.settings, job, options, bounded=bounded)

    def finish(self, job_ids: Iterable[str], timeout: float = 240) -> None:
        """Wait until the jobs have finished. Raises AssertionError with Flink's reason where one has failed."""
        rest = cluster.Rest(self.settings)
        failures = []
        for job_id in job_ids:
            state = wait_for(partial(self._ended, rest, job_id), f"job {job_id} to end", timeout)
            if state != "FINISHED":
                job = rest.get(f"/jobs/{job_id}")["name"]
                history = rest.get(f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
                failures.append(f"{job} is {state}: {_causes(history)}")
        assert not failures, "\n".join(failures)

    @staticmethod
    def _ended(rest: cluster.Rest, job_id: str) -> str | None:
        state: str = rest.get(f"/jobs/{job_id}")["state"]
        return state if state in _ENDED else None

    @contextmanager
    def running(self, job: str) -> Iterator[str]:
        """Run ``job`` unbounded, and cancel it at the end; gives its id."""
        job_id = self.submit(job)
        rest = cluster.Rest(self.settings)
        try:
            yield job_id
        finally:
            if self._ended(rest, job_id) is None:
                rest.patch(f"/jobs/{job_id}?mode=cancel")
                wait_for(lambda: self._ended(rest, job_id), f"job {job_id} to end", 60)

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a PostgreSQL table, times as epoch milliseconds, days in ISO 8601."""
        server = database.connect(self.settings, "reader")
        try:
            with server, server.cursor() as cursor:
                cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, map(_plain, row), strict=True)) for row in cursor]
        finally:
            server.close()

    def topic(self, topic: str, timeout: float = 60) -> list[Row]:
        """Return the values of a topic that are committed, in the order of their offsets in each partition."""
        consumer = kafka_clients.consumer(self.settings, isolation_level="read_committed", auto_offset_reset="earliest")
        try:
            partitions = [
                TopicPartition(self.name(topic), number) for number in consumer.partitions_for_topic(self.name(topic))
            ]
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            values: list[Row] = []

            def at_end() -> bool:
                for records in consumer.poll(timeout_ms=200).values():
                    values.extend(json.loads(record.value) for record in records)
                return all(consumer.position(partition) >= end for partition, end in ends.items())

            wait_for(at_end, f"the end of {topic}", timeout)
            return values
        finally:
            consumer.close()


def wait_for(condition: Callable[[], Any], what: str, timeout: float, every: float = 0.05) -> Any:
    """Return what ``condition`` returns once that is true. Raises AssertionError after ``timeout`` seconds."""
    until = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < until, f"waited {timeout:g} s in vain for {what}"
        time.sleep(every)
    return found


def _causes(history: list[dict[str, str]]) -> str:
    """Return the lines of a stack trace that say what was wrong."""
    lines = history[0]["stacktrace"].splitlines() if history else []
    return "\n".join(line[:500] for line in lines if not line.lstrip().startswith(("at ", "...")))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(milliseconds=1)
    return value.isoformat() if isinstance(value, date) else value
