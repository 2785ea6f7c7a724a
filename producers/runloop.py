"""What keeps every source running: connect, read, retry, notice silence, stop in order."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event
from types import FrameType

import structlog
import tenacity
import websocket

from producers.message import BadFrame, Message, PollError
from producers.sink import Sink
from producers.sources import Parser, PollSource, StreamSource
from tidemark.settings import Producers

log = structlog.get_logger(__name__)

_CONNECT_TIMEOUT = 10.0  # seconds
_TICK = 0.5  # seconds between two looks at the stop flag while nothing arrives
_PING = 20.0  # seconds
_REPORT = 60.0  # seconds


class DisconnectedError(Exception):
    """The connection ended or could not be made."""


class _Backoff:
    """Pauses of about 1, 2, 4 … seconds up to a longest one, jittered; from the start once data came."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._failures = 0

    def healthy(self) -> None:
        self._failures = 0

    def __call__(self, _: tenacity.RetryCallState) -> float:
        pause = min(self._longest, 2.0 ** min(self._failures, 30))
        self._failures += 1
        return pause * random.uniform(0.5, 1)  # noqa: S311


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


def deliver(frame: str | bytes, received: int, parse: Parser, sink: Sink) -> int:
    """Parse one frame and send what is in it; what cannot be parsed becomes a dead letter. Return the
    messages sent.
    """
    try:
        messages: tuple[Message, ...] = tuple(parse(frame, received))
    except BadFrame as bad:
        messages = bad.good
        sink.dead_letter(bad.topic, bad.original or frame, bad.code, bad.detail)
    for message in messages:
        sink.send(message)
    return len(messages)


def run_stream(source: StreamSource, sink: Sink, stop: Event, limits: Producers) -> None:
    """Read ``source`` into ``sink`` until ``stop`` is set, connecting anew as often as it takes."""
    count = messages = 0
    reported = time.monotonic()
    for frame, received in frames(source, stop, limits):
        count += 1
        messages += deliver(frame, received, source.parse, sink)
        if time.monotonic() - reported > _REPORT:
            reported = time.monotonic()
            log.info("progress", source=source.name, frames=count, messages=messages)
    log.info("stopped", source=source.name, frames=count, messages=messages)


def frames(source: StreamSource, stop: Event, limits: Producers) -> Iterator[tuple[str, int]]:
    """Yield every text frame of ``source`` with the epoch ms it arrived at, over as many connections as it
    takes.

    A connection that cannot be made, ends, or is silent for ``limits.silence`` is followed by another, after
    a pause that grows up to ``limits.reconnect_max``. Ends once ``stop`` is set.
    """
    backoff = _Backoff(limits.reconnect_max.total_seconds())
    silence = limits.silence.total_seconds()

    def pause(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("reconnecting", source=source.name, after=str(error), pause_s=round(state.upcoming_sleep, 1))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(DisconnectedError),
        wait=backoff,
        sleep=tenacity.sleep_using_event(stop),
        before_sleep=pause,
    )
    for attempt in retrying:
        with attempt:
            if stop.is_set():
                return
            for received_frame in _session(source, stop, silence):
                backoff.healthy()
                yield received_frame


def _session(source: StreamSource, stop: Event, silence: float) -> Iterator[tuple[str, int]]:
    """Yield the frames of one connection until ``stop`` is set. Raises DisconnectedError where it ends
    otherwise.
    """
    try:
        connection = websocket.create_connection(source.url, timeout=_CONNECT_TIMEOUT, enable_multithread=False)
    except (websocket.WebSocketException, OSError, ValueError) as error:
        raise DisconnectedError(f"cannot connect to {source.url}: {error}") from None
    with closing(connection):
        log.info("connected", source=source.name, url=source.url)
        try:
            for request in source.subscriptions:
                connection.send(request)
            connection.settimeout(min(_TICK, silence))
            heard = pinged = time.monotonic()
            while not stop.is_set():
                try:
                    frame = connection.recv()
                except websocket.WebSocketTimeoutException:
                    frame = None
                now = time.monotonic()
                if frame:
                    heard = now
                    yield (
                        frame if isinstance(frame, str) else frame.decode("utf-8", "backslashreplace"),
                        now_millis(),
                    )
                elif frame == "" and not connection.connected:
                    raise DisconnectedError("closed by the other side")
                elif now - heard > silence:
                    raise DisconnectedError(f"silent for {silence:g} s")
                if now - pinged > _PING:
                    connection.ping()
                    pinged = now
        except (websocket.WebSocketException, OSError) as error:
            raise DisconnectedError(f"{type(error).__name__}: {error}") from None


def run_poll(source: PollSource, sink: Sink, stop: Event, limits: Producers, once: bool = False) -> bool:
    """Poll ``source`` into ``sink`` every interval until ``stop`` is set, or ``once``; return whether the
    last poll succeeded. A failed poll is tried again after about 2, 4, 8 … s, or when the server says; then
    at the next interval.
    """
    while True:
        succeeded = True
        try:
            results = _poll(source, stop, limits)
        except PollError as error:
            succeeded = False
            log.error("poll_failed", source=source.name, reason=str(error))  # noqa: TRY400 - no fault of ours
        else:
            for result in results:
                if isinstance(result, Message):
                    sink.send(result)
                else:
                    sink.dead_letter(result.topic, result.original or "", result.code, result.detail)
            log.info("polled", source=source.name, new=len(results))
        if once or stop.wait(source.interval):
            return succeeded or not once


def _poll(source: PollSource, stop: Event, limits: Producers) -> list[Message | BadFrame]:
    growing = tenacity.wait_exponential(multiplier=2) + tenacity.wait_random(0, 1)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, PollError) else None
        return growing(state) if asked is None else min(asked, source.interval)

    def report(state: tenacity.RetryCallState) -> None:
        reason = state.outcome.exception() if state.outcome else None
        log.warning("poll_retry", source=source.name, reason=str(reason), pause_s=round(state.upcoming_sleep, 1))

    poll: Callable[[], list[Message | BadFrame]] = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(PollError),
        stop=tenacity.stop_any(tenacity.stop_after_attempt(1 + limits.retries), tenacity.stop_when_event_set(stop)),
        wait=wait,
        sleep=tenacity.sleep_using_event(stop),
        before_sleep=report,
        reraise=True,
    ).wraps(source.poll)
    return poll()
