"""Where messages go: Kafka, or memory. Both check the contract; what breaks it becomes a dead letter."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, Protocol

import structlog

from producers import contract
from producers.message import Message
from tidemark import kafka_clients
from tidemark.settings import Settings

log = structlog.get_logger(__name__)

# The broker takes at most 1 MiB a message; the rest of a dead letter and JSON's escapes need room too.
_MAX_ORIGINAL = 150_000
# kafka-python has no bound on what it buffers; this many unacknowledged messages are at most some 50 MB.
_MAX_IN_FLIGHT = 100_000
_LOG_EVERY = 10.0  # seconds: an outage fails thousands of messages


Headers = Sequence[tuple[str, bytes]]
Delivered = Callable[[Message], None]  # is told of a message once it is safe
BACKFILL: Headers = (("backfill", b"1"),)  # of messages that were missed, and fetched afterwards


class SendError(Exception):
    """Kafka did not acknowledge some messages in time: ``count`` of them, and the ``first`` reason."""

    def __init__(self, count: int, first: str) -> None:
        super().__init__(f"{count} messages were not delivered to Kafka; the first because: {first}")
        self.count = count
        self.first = first


@dataclass
class Counts:
    """What went through a sink: messages per logical topic, dead letters per code, messages Kafka did not
    take.
    """

    sent: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    failed: int = 0


class Sink(Protocol):
    """Where a producer puts its messages. Safe to share between threads."""

    counts: Counts

    def send(self, message: Message, *, backfill: bool = False, delivered: Delivered | None = None) -> bool:
        """Send ``message`` and return True, or a dead letter with the reason where it breaks its contract and return
        False. ``backfill`` marks one that was fetched after it had been missed; ``delivered`` is called once it is
        acknowledged, perhaps by another thread, and of one key in the order of sending.
        """

    def heartbeat(self, source: str, topics: Iterable[str], at: int) -> None:
        """Say that ``source`` was well at ``at`` (epoch ms): what it had for ``topics`` until then has been sent."""

    def send_bytes(self, topic: str, key: str | None, payload: bytes, headers: Headers = ()) -> None:
        """Send ``payload`` unchecked to the logical ``topic``."""

    def dead_letter(self, topic: str, original: str | bytes, code: str, detail: str) -> None:
        """Keep ``original``, meant for the logical ``topic``, with the reason it was not accepted."""

    def flush(self) -> None:
        """Wait until all is delivered. Raises SendError for what was not, once."""

    def close(self) -> None:
        """Flush and let go of the connection. Raises SendError as `flush` does."""


class _CheckedSink(ABC):
    """What the sinks share: contract, encoding, dead letters, counts."""

    def __init__(self, settings: Settings) -> None:
        self.counts = Counts()
        self._lock = Lock()
        self._topics: dict[str, str] = settings.topics.model_dump()
        self._max_future = settings.limits.max_future

    @abstractmethod
    def _put(
        self,
        topic: str,
        key: str | None,
        payload: bytes,
        headers: Headers = (),
        delivered: Callable[[], None] | None = None,
    ) -> None:
        """Hand ``payload`` for the logical ``topic`` over to who takes it; ``delivered`` is called once it is safe."""

    def heartbeat(self, source: str, topics: Iterable[str], at: int) -> None:
        for topic in topics:
            value = {"source": source, "topic": topic, "event_time": at}
            contract.check("heartbeats", value, self._max_future)
            self._put("heartbeats", source, contract.encode(value))  # not counted: nobody's message

    def send(self, message: Message, *, backfill: bool = False, delivered: Delivered | None = None) -> bool:
        try:
            contract.check(message.topic, message.value, self._max_future)
            payload = contract.encode(message.value)
        except contract.ContractError as error:
            self.dead_letter(message.topic, _text(message.value), error.code, error.detail)
        except TypeError as error:
            self.dead_letter(message.topic, _text(message.value), "invalid_field", str(error))
        else:
            with self._lock:
                self.counts.sent[message.topic] += 1
            done = partial(delivered, message) if delivered else None
            self._put(message.topic, message.key, payload, BACKFILL if backfill else (), done)
            return True
        return False

    def send_bytes(self, topic: str, key: str | None, payload: bytes, headers: Headers = ()) -> None:
        with self._lock:
            self.counts.sent[topic] += 1
        self._put(topic, key, payload, headers)

    def dead_letter(self, topic: str, original: str | bytes, code: str, detail: str) -> None:
        if isinstance(original, str):
            original = original.encode("utf-8", "backslashreplace")
        message = original.decode("utf-8", "backslashreplace")
        if len(message) > _MAX_ORIGINAL:
            detail = f"{detail} (the first {_MAX_ORIGINAL} of {len(message)} characters kept)"
            message = message[:_MAX_ORIGINAL]
        letter = {
            "original_topic": self._topics[topic],
            "partition": None,
            "offset": None,
            "error": code,
            "detail": detail.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00"),
            "message": message,
            "event_time": time.time_ns() // 1_000_000,
        }
        with self._lock:
            self.counts.dead[code] += 1
        self._put("dead_letters", None, contract.encode(letter))


def _text(value: Any) -> str:
    """Return ``value`` as JSON even where it is not fit for the wire (NaN, lone surrogates)."""
    return json.dumps(value, default=repr)


class MemorySink(_CheckedSink):
    """Keeps everything in memory: ``messages`` (decoded), ``dead_letters`` (values) and ``payloads`` (as on
    the wire) of both, how many of the messages were ``backfilled``, and ``heartbeats`` (values).
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.payloads: list[tuple[str, str | None, bytes]] = []
        self.heartbeats: list[dict[str, Any]] = []
        self.backfilled = 0

    def _put(
        self,
        topic: str,
        key: str | None,
        payload: bytes,
        headers: Headers = (),
        delivered: Callable[[], None] | None = None,
    ) -> None:
        if topic == "heartbeats":
            self.heartbeats.append(json.loads(payload))
            return
        self.payloads.append((topic, key, payload))
        if headers == BACKFILL:
            self.backfilled += 1
        if delivered:
            delivered()

    @property
    def messages(self) -> list[Message]:
        """Return what was accepted, as a reader of the topics would decode it."""
        return [Message(topic, key or "", json.loads(p)) for topic, key, p in self.payloads if topic != "dead_letters"]

    @property
    def dead_letters(self) -> list[dict[str, Any]]:
        """Return the dead letters' values."""
        return [json.loads(payload) for topic, _, payload in self.payloads if topic == "dead_letters"]

    def flush(self) -> None:
        """Do nothing: all is kept already."""

    def close(self) -> None:
        """Do nothing: there is no connection."""


class KafkaSink(_CheckedSink):
    """Sends to Kafka: idempotent, acknowledged by all replicas, keyed, compressed, in order per key.

    kafka-python retries a failed send until ``producers.send_timeout`` has passed since `send`; after that
    the message counts as failed, is logged and reported by `flush` and `close`. Raises UserError where there
    is no broker.
    """

    def __init__(self, settings: Settings, connect_timeout: float = 5.0) -> None:
        super().__init__(settings)
        from kafka.errors import KafkaError, MessageSizeTooLargeError

        self._kafka_error: type[Exception] = KafkaError
        self._too_large: type[Exception] = MessageSizeTooLargeError
        self._first = ""
        self._unreported = 0
        self._handed = 0  # to kafka-python
        self._settled = 0  # of these, acknowledged or failed
        self._logged = float("-inf")
        self._timeout = settings.producers.send_timeout.total_seconds()
        millis = round(self._timeout * 1000)
        self._producer = kafka_clients.producer(
            settings,
            acks="all",
            enable_idempotence=True,  # a retry makes no duplicate and keeps the order
            compression_type="zstd",  # of gzip, lz4, zstd and none the least CPU and the least bytes for trades
            linger_ms=20,
            batch_size=256 * 1024,
            request_timeout_ms=min(30_000, millis // 2),
            delivery_timeout_ms=millis,
            max_block_ms=millis,
            reconnect_backoff_max_ms=2_000,
            bootstrap_timeout_ms=round(connect_timeout * 1000),
        )

    def _put(
        self,
        topic: str,
        key: str | None,
        payload: bytes,
        headers: Headers = (),
        delivered: Callable[[], None] | None = None,
    ) -> None:
        try:
            if self._handed - self._settled >= _MAX_IN_FLIGHT:
                self._producer.flush(self._timeout)
            key_bytes = key.encode() if key is not None else None
            future = self._producer.send(self._topics[topic], payload, key_bytes, headers=list(headers))
        except self._too_large as error:
            with self._lock:
                self.counts.sent[topic] -= 1
            self.dead_letter(topic, payload, "send_failed", str(error))
        except self._kafka_error as error:  # nothing was acknowledged, or no leader known, for the send timeout
            self._failed(1, f"{type(error).__name__}: {error}")
        else:
            with self._lock:
                self._handed += 1
            future.add_both(self._settle)
            if delivered:
                future.add_callback(lambda _: delivered())

    def _settle(self, result: object) -> None:
        """Note that a message was acknowledged or failed; kafka-python calls this from its one sender thread."""
        self._settled += 1
        if isinstance(result, Exception):
            self._failed(1, f"{type(result).__name__}: {result}")

    def _failed(self, count: int, reason: str) -> None:
        with self._lock:
            self.counts.failed += count
            self._unreported += count
            if self._unreported == count:
                self._first = reason
            now = time.monotonic()
            quiet = now - self._logged < _LOG_EVERY
            if not quiet:
                self._logged = now
        if not quiet:
            log.error("send_failed", reason=reason, failed=self.counts.failed)

    def flush(self) -> None:
        """Wait until every message is acknowledged, or has failed. Raises SendError for those, once."""
        try:
            self._producer.flush(self._timeout)
        except self._kafka_error:  # cut off from the broker, kafka-python may neither deliver nor give up
            self._failed(self._handed - self._settled, f"no acknowledgement within {self._timeout:g} s")
        with self._lock:
            count, self._unreported = self._unreported, 0
        if count:
            raise SendError(count, self._first)

    def close(self) -> None:
        """Flush and disconnect. Raises SendError for what was not delivered and not yet reported."""
        try:
            self.flush()
        finally:
            with suppress(self._kafka_error):
                self._producer.close(timeout=1)
