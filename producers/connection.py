"""A stream's connections: made, kept alive, replaced before they grow too old, and made anew when they end."""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from threading import Event

import pybreaker
import structlog
import tenacity
import websocket

from producers.health import Health
from producers.source import StreamSource
from tidemark.settings import Producers

log = structlog.get_logger(__name__)

_CONNECT_TIMEOUT = 10.0  # seconds
_TICK = 0.5  # seconds between two looks at the stop flag while nothing arrives
_OVERLAP_TICK = 0.02  # seconds, while two connections are read in turn
_OVERLAP = 10.0  # seconds for which a connection and its successor are both read
_CATCH_UP = 60.0  # seconds that the old one gets at most to say what came before its successor
_PING = 20.0  # seconds


class DisconnectedError(Exception):
    """The connection ended or could not be made."""


class _Connection:
    """One WebSocket connection. Raises DisconnectedError where it cannot be made, or ends."""

    def __init__(self, source: StreamSource, silence: float) -> None:
        self._silence = silence
        try:
            self._socket = websocket.create_connection(source.url, timeout=_CONNECT_TIMEOUT, enable_multithread=False)
            for request in source.subscriptions:
                self._socket.send(request)
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise DisconnectedError(f"cannot connect to {source.url}: {error}") from None
        log.info("connected", source=source.name, url=source.url)
        self._heard = self._pinged = time.monotonic()
        self.replace_at = self._heard + source.max_age.total_seconds()

    def read(self, wait: float) -> str | None:
        """Return the next frame, or None where there is none within ``wait`` seconds."""
        try:
            self._socket.settimeout(min(wait, self._silence))
            try:
                frame = self._socket.recv()
            except websocket.WebSocketTimeoutException:
                frame = None
            now = time.monotonic()
            if frame:
                self._heard = now
                return frame if isinstance(frame, str) else frame.decode("utf-8", "backslashreplace")
            if frame == "" and not self._socket.connected:
                raise DisconnectedError("closed by the other side")
            if now - self._heard > self._silence:
                raise DisconnectedError(f"silent for {self._silence:g} s")
            if now - self._pinged > _PING:
                self._socket.ping()
                self._pinged = now
        except (websocket.WebSocketException, OSError) as error:
            raise DisconnectedError(f"{type(error).__name__}: {error}") from None
        return None

    def close(self) -> None:
        with suppress(websocket.WebSocketException, OSError):
            self._socket.close()


class _Wait:
    """Pauses of about 1, 2, 4 … seconds up to a longest one, jittered, from the start once data came; while the
    breaker is open, as long as it stays so.
    """

    def __init__(self, health: Health, limits: Producers) -> None:
        self._health = health
        self._limits = limits

    def __call__(self, _: tenacity.RetryCallState) -> float:
        if self._health.breaker.current_state == pybreaker.STATE_OPEN:
            return self._limits.breaker_pause.total_seconds()
        grown: float = 2.0 ** min(self._health.state.failures - 1, 30)
        return min(self._limits.reconnect_max.total_seconds(), grown) * random.uniform(0.5, 1)  # noqa: S311


def frames(source: StreamSource, stop: Event, limits: Producers, health: Health) -> Iterator[str | None]:
    """Yield every text frame of ``source``, over as many connections as it takes, and None while it is quiet.

    A connection that cannot be made, ends, or is silent for ``limits.silence`` is followed by another, after
    a pause that grows up to ``limits.reconnect_max``; after ``limits.breaker_failures`` without a frame, after
    ``limits.breaker_pause``. Ends once ``stop`` is set.
    """

    def pause(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("reconnecting", source=source.name, after=str(error), pause_s=round(state.upcoming_sleep, 1))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((DisconnectedError, pybreaker.CircuitBreakerError)),
        wait=_Wait(health, limits),
        sleep=tenacity.sleep_using_event(stop),
        before_sleep=pause,
    )
    for attempt in retrying:
        with attempt:
            if stop.is_set():
                return
            try:
                session = _session(source, stop, limits)
                with health.breaker.calling():  # it is well once a frame came
                    first = next((frame for frame in session if frame is not None), None)
                if first is None:  # it was stopped before any came
                    return
                health.note(state="connected", failures=0, error="")
                yield first
                yield from session
            except DisconnectedError as error:
                health.failed(error)
                raise


def _session(source: StreamSource, stop: Event, limits: Producers) -> Iterator[str | None]:
    """Yield the frames of one connection, and of those that take over from it, until ``stop`` is set. Raises
    DisconnectedError where it ends otherwise.
    """
    silence = limits.silence.total_seconds()
    connection = _Connection(source, silence)
    said: set[str] = set()  # by the connection before, and perhaps still to come from this one
    try:
        while not stop.is_set():
            frame = connection.read(_TICK)
            if frame in said:
                said.remove(frame)
                frame = None
            yield frame
            now = time.monotonic()
            if frame is not None and source.ends_connection is not None and source.ends_connection(frame):
                connection.replace_at = now
            if now >= connection.replace_at:
                successor = _successor(source, silence)
                if successor is None:  # better an old connection than none
                    connection.replace_at = now + _CONNECT_TIMEOUT
                    continue
                with closing(connection):
                    said = yield from _both(connection, successor, stop, said)
                connection = successor
    finally:
        connection.close()


def _successor(source: StreamSource, silence: float) -> _Connection | None:
    try:
        return _Connection(source, silence)
    except DisconnectedError as error:
        log.warning("not_replaced", source=source.name, reason=str(error))
        return None


def _both(old: _Connection, new: _Connection, stop: Event, said: set[str]) -> Generator[str, None, set[str]]:
    """Yield what the old connection says until the new one has been speaking for a while, and it has said what came
    before that; then what only the new one said. So nothing is missed, and the order is kept. Return what only the old
    one has said, and of what had been ``said`` before either what neither has.
    """
    heard: set[str] = set()
    waiting: list[str] = []
    until = float("inf")
    while not stop.is_set():
        try:
            frame = old.read(_OVERLAP_TICK)
        except DisconnectedError:
            break
        if frame is not None:
            heard.add(frame)
            if frame in said:
                said.remove(frame)
            else:
                yield frame
        now = time.monotonic()
        # Read as far as both, or empty. The last: two connections may word everything in ways of their own.
        if now >= until and (frame is None or not heard.isdisjoint(waiting) or now >= until + _CATCH_UP):
            break
        frame = new.read(_OVERLAP_TICK)
        if frame is not None:
            until = min(until, now + _OVERLAP)
            waiting.append(frame)
    heard |= said
    yield from (frame for frame in waiting if frame not in heard)
    return heard.difference(waiting)
