"""What carries every source to Kafka: reads it, parses, sends, notes how it is, and stops in good order."""

from __future__ import annotations

import signal
import time
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from threading import Event, Lock, Thread
from types import FrameType

import structlog

from producers.connection import frames
from producers.health import Health, RubbishError
from producers.message import BadFrame, Message, PollError
from producers.missed import Backfill, Sequences, note_id
from producers.polling import bodies
from producers.sink import Delivered, Sink
from producers.source import Parser, PollSource, StreamSource
from tidemark.settings import Producers

log = structlog.get_logger(__name__)

_REPORT = 60.0  # seconds
_REMEMBERED = 50_000  # messages; the feeds hold a few hundred articles


def stop_on_signals() -> Event:
    """Return a flag that SIGTERM and SIGINT set, so that loops end and what is buffered is sent; a second one
    interrupts.
    """
    stop = Event()

    def handle(number: int, _: FrameType | None) -> None:
        if stop.is_set():  # asked twice: do not wait for what is still to be sent
            raise KeyboardInterrupt
        log.info("stopping", signal=signal.Signals(number).name)
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def now_millis() -> int:
    """Return epoch ms."""
    return time.time_ns() // 1_000_000


class Seen:
    """Remembers what polls have brought, the newest up to a bound. Shared by all polled sources of a process, so that
    an article in two feeds is one.
    """

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._size = size
        self._lock = Lock()

    def add(self, one: str) -> bool:
        """Remember ``one``; return whether it is new."""
        with self._lock:
            if one in self._known:
                self._known.move_to_end(one)
                return False
            self._known[one] = None
            if len(self._known) > self._size:
                self._known.popitem(last=False)
            return True

    def add_result(self, result: Message | BadFrame) -> bool:
        """Remember a message, however often it is fetched, or what was wrong with an answer; return whether it is new.

        An article is known by its id, whatever its title is now; of others every change is new.
        """
        if isinstance(result, BadFrame):
            return self.add(f"bad {result.topic} {result.original}")
        if result.topic == "articles":
            return self.add(f"articles {result.key}")
        content = {name: value for name, value in result.value.items() if name != "ingest_time"}
        return self.add(f"{result.topic} {content}")


def parsed(parse: Parser, frame: str | bytes, received: int) -> list[Message | BadFrame]:
    """Return what is in a frame; what cannot be parsed as a BadFrame with its original."""
    try:
        return list(parse(frame, received))
    except BadFrame as bad:
        if bad.original is None:
            bad.original = frame if isinstance(frame, str) else frame.decode("utf-8", "backslashreplace")
        return [*bad.good, bad]


def deliver(
    results: Iterable[Message | BadFrame], sink: Sink, *, backfill: bool = False, delivered: Delivered | None = None
) -> tuple[int, int]:
    """Send messages (marked where they are a ``backfill``), and what is none as dead letters; return how many of each
    there were. ``delivered`` is called with each message once it is acknowledged.
    """
    sent = dead = 0
    for result in results:
        if isinstance(result, BadFrame):
            sink.dead_letter(result.topic, result.original or "", result.code, result.detail)
            dead += 1
        elif sink.send(result, backfill=backfill, delivered=delivered):
            sent += 1
        else:
            dead += 1
    return sent, dead


def run_stream(source: StreamSource, sink: Sink, stop: Event, limits: Producers, health: Health) -> bool:
    """Read ``source`` into ``sink`` until ``stop`` is set; return False where it was stopped for sending rubbish."""
    count = 0
    reported = beat = time.monotonic()
    sequences = backfill = delivered = None
    if source.fetch_missed is not None:
        sequences = Sequences(health.state.last_ids)
        delivered = partial(note_id, health)
        backfill = Backfill(source.fetch_missed, sink, stop, health, limits)
        Thread(target=backfill.run, name=f"{source.name} backfill", daemon=True).start()
    try:
        for frame in frames(source, stop, limits, health):
            if frame is not None:
                count += 1
                results = parsed(source.parse, frame, now_millis())
                if sequences and backfill:
                    for gap in sequences.gaps(result for result in results if isinstance(result, Message)):
                        backfill.add(gap)
                health.delivered(*deliver(results, sink, delivered=delivered))
            now = time.monotonic()
            if now - beat > limits.heartbeat.total_seconds():
                beat = now
                sink.heartbeat(source.name, source.topics, now_millis())
            if now - reported > _REPORT:
                reported = now
                log.info("progress", source=source.name, frames=count, messages=health.state.messages)
    except RubbishError as error:
        return _stopped_for(error, health)
    log.info("stopped", source=source.name, frames=count, messages=health.state.messages)
    health.note(state="stopped")
    return True


def run_poll(
    source: PollSource,
    sink: Sink,
    stop: Event,
    limits: Producers,
    health: Health,
    seen: Seen,
    *,
    once: bool = False,
) -> bool:
    """Poll ``source`` into ``sink`` when it is due until ``stop`` is set, or ``once``; return False where that one
    poll failed, or the source was stopped for sending rubbish.
    """
    bad = False
    try:
        for body in bodies(source, stop, limits, health, once=once):
            asked = now_millis()
            sent = 0
            if body is not None:
                results = parsed(source.parse, body, asked)
                bad = any(isinstance(result, BadFrame) for result in results)
                sent, dead = deliver([result for result in results if seen.add_result(result)], sink)
                if not bad:
                    source.request.accept()
                health.delivered(sent, dead)
            sink.heartbeat(source.name.partition(":")[0], source.topics, asked)
            log.info("polled", source=source.name, new=sent)
    except RubbishError as error:
        return _stopped_for(error, health)
    except PollError:
        return False
    finally:
        health.note(state="stopped")
    return not (once and bad)


def _stopped_for(error: RubbishError, health: Health) -> bool:
    log.error("stopped_for_rubbish", source=health.source, reason=str(error))
    health.note(state="stopped", error=f"stopped: {error}", rubbish=True)
    return False
