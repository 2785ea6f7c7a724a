"""Reads Kafka in a thread of its own, and hands what it reads to the event loop, which never waits for Kafka."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from producers import contract
from producers.contract import ContractError
from serving.live.hub import AWAY, Hub
from serving.live.messages import STREAMS, Item
from serving.metrics import Metrics
from tidemark import kafka_clients
from tidemark.errors import UserError
from tidemark.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

log = structlog.get_logger(__name__)

_BACK = 1_000  # messages of each partition that are read at first, for snapshots
_HISTORY_SECONDS = 10.0  # after which a snapshot has what there is
_AT_ONCE = 500  # messages that are handed over together
_POLL_MS = 200
_LOOK_SECONDS = 1.0  # between two looks at whether the broker is there
_AGAIN_SECONDS = 2.0  # between two tries to connect
_LONGEST_REST = 0.05  # seconds


class Reader:
    """Follows the topics of the streams, from a little before now on. It is in no consumer group and commits nothing:
    every process reads all, and the broker remembers none of them.
    """

    def __init__(self, settings: Settings, hub: Hub, metrics: Metrics) -> None:
        self._settings = settings
        self._hub = hub
        self._metrics = metrics
        self._topics = {getattr(settings.topics, stream): stream for stream in STREAMS}
        self._at_once = min(_AT_ONCE, settings.live.kept // 2)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to read; call it in the event loop that is to be told."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="live reader", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread:
            await asyncio.to_thread(self._thread.join, 10)

    def _run(self) -> None:
        """Read until stopped; where the broker goes away, begin anew where we were."""
        from kafka.errors import KafkaError

        reached: dict[TopicPartition, int] = {}
        said = ""
        while not self._stop.is_set():
            try:
                self._follow(reached)
            except (UserError, KafkaError, OSError) as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("live messages cannot be read", reason=said)
            self._say(AWAY)
            self._stop.wait(_AGAIN_SECONDS)

    def _follow(self, reached: dict[TopicPartition, int]) -> None:
        """Read from where ``reached`` says, or from a little before now on, until stopped. Raises UserError, KafkaError
        or OSError where the broker, or a topic, is not there.
        """
        consumer = kafka_clients.consumer(
            self._settings,
            isolation_level="read_committed",
            auto_offset_reset="earliest",  # where a topic was made anew
            max_poll_records=self._at_once,
            request_timeout_ms=10_000,
            bootstrap_timeout_ms=round(_AGAIN_SECONDS * 1000),
            reconnect_backoff_max_ms=1_000,
        )
        try:
            partitions = self._partitions(consumer)
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            begins = consumer.beginning_offsets(partitions)
            for partition, end in ends.items():
                consumer.seek(partition, reached.get(partition, max(begins[partition], end - _BACK)))
            if not reached:
                self._history(consumer, ends)
                reached |= {partition: consumer.position(partition) for partition in partitions}
            log.info("live messages are followed", partitions=len(partitions))
            self._listen(consumer, reached)
        finally:
            consumer.close()

    def _partitions(self, consumer: KafkaConsumer) -> list[TopicPartition]:
        from kafka import TopicPartition

        found = []
        for topic in self._topics:
            numbers = consumer.partitions_for_topic(topic)
            if not numbers:
                raise UserError(f"There is no topic {topic}.", "`tidemark up` makes it.")
            found += [TopicPartition(topic, number) for number in sorted(numbers)]
        return found

    def _history(self, consumer: KafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        """Read up to ``ends``, and hand it over in the order in which it came to the broker."""
        until = time.monotonic() + _HISTORY_SECONDS
        found: list[Any] = []
        # The position passes the markers of transactions, which no message shows; an open one holds it back.
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            if self._stop.is_set() or time.monotonic() > until:
                break
            found += _records(consumer.poll(timeout_ms=_POLL_MS))
        found.sort(key=lambda record: record.timestamp)
        items = self._items(found)
        for first in range(0, len(items), self._at_once):
            self._in_loop(self._hub.publish(items[first : first + self._at_once]))

    def _listen(self, consumer: KafkaConsumer, reached: dict[TopicPartition, int]) -> None:
        look = 0.0
        while not self._stop.is_set():
            polled = consumer.poll(timeout_ms=_POLL_MS)
            records = _records(polled)
            items = self._items(records)
            if items:
                now = time.time()
                took = self._in_loop(self._hub.publish(items))
                for record in records:
                    self._metrics.live_delay.observe(max(0.0, now + took - record.timestamp / 1000))
                # At least half of the loop's time is for others, and what comes meanwhile goes out together.
                self._stop.wait(min(took, _LONGEST_REST))
            reached |= {partition: found[-1].offset + 1 for partition, found in polled.items()}
            if time.monotonic() >= look:
                look = time.monotonic() + _LOOK_SECONDS
                self._say("ok" if records or _is_connected(consumer) else AWAY)

    def _items(self, records: Iterable[Any]) -> list[Item]:
        """Return what of ``records`` keeps its contract. The rest the job `ingest` makes dead letters of."""
        found = []
        for record in records:
            stream = self._topics[record.topic]
            try:
                value = orjson.loads(record.value or b"")
                contract.check(stream, value, self._settings.limits.max_future)
            except (orjson.JSONDecodeError, ContractError):
                self._metrics.live_skipped.labels(stream).inc()
                continue
            self._metrics.live_messages.labels(stream).inc()
            found.append(Item(stream, value))
        return found

    def _say(self, state: str) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(self._hub.set_state, state)

    def _in_loop(self, work: Coroutine[Any, Any, float]) -> float:
        """Let the event loop do ``work``, and wait for it: nothing piles up there."""
        if self._loop is None:
            raise RuntimeError("the reader was not started")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _records(polled: dict[Any, list[Any]]) -> list[Any]:
    return [record for records in polled.values() for record in records]


def _is_connected(consumer: KafkaConsumer) -> bool:
    """Return whether there is a connection to any broker, as the consumer's own metrics say."""
    for name, value in consumer.metrics().get("consumer-metrics", {}).items():
        if name == "connection-count":
            return bool(value)
    return True
