"""How a source is: noted in a file, for `tidemark status` and for the next start, and as metrics for Prometheus."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from typing import Any

import prometheus_client as prometheus
import psutil
import pybreaker
import structlog

from tidemark.settings import Producers, Settings

log = structlog.get_logger(__name__)

_WINDOW = 1000  # frames that the share of bad ones is taken of
_WRITE_EVERY = 1.0  # seconds

_MESSAGES = prometheus.Counter("tidemark_messages", "Messages sent to Kafka.", ["source"])
_DEAD = prometheus.Counter("tidemark_dead_letters", "Frames or messages that were not accepted.", ["source"])
_FAILURES = prometheus.Counter("tidemark_failures", "Failed connections or polls.", ["source"])
_BACKFILLED = prometheus.Counter("tidemark_backfilled", "Missed messages fetched afterwards.", ["source"])
_LAST = prometheus.Gauge("tidemark_last_message_timestamp_seconds", "When the last message came.", ["source"])
_BREAKER = prometheus.Enum(
    "tidemark_breaker_state", "State of the circuit breaker.", ["source"], states=["CLOSED", "OPEN", "HALF_OPEN"]
)
_BREAKER_STATES = {"closed": "CLOSED", "open": "OPEN", "half-open": "HALF_OPEN"}


class RubbishError(Exception):
    """A source sends nothing usable, and is stopped lest it fill the topic of dead letters."""


@dataclass
class State:
    """What is noted of a source. Times are ISO 8601 in UTC, or empty where it has not happened."""

    source: str
    state: str = "starting"  # connected, waiting, failing, stopped
    breaker: str = "CLOSED"
    pid: int = 0
    messages: int = 0  # since it was started
    dead_letters: int = 0  # since it was started
    failures: int = 0  # one after the other
    error: str = ""  # the last one
    last_message: str = ""
    last_run: str = ""  # polled sources
    last_success: str = ""
    next_run: str = ""
    last_ids: dict[str, int] = field(default_factory=dict)  # the newest trade id by pair, where ids are consecutive
    gaps: list[list[Any]] = field(default_factory=list)  # pair, first and last id of what is still to be fetched
    rubbish: bool = False  # it was stopped for sending nothing usable


class Health:
    """The health of one source, and its circuit breaker. Used by the source's own thread; backfills may join in.

    Unless told to ``keep`` nothing, it goes on from what the last process noted.
    """

    def __init__(self, source: str, settings: Settings, *, keep: bool = True) -> None:
        self._path = folder(settings) / f"{source.replace(':', '.').replace('/', '_')}.json" if keep else None
        self.state = (_read(self._path) if self._path else None) or State(source)
        self.state.pid = os.getpid()
        self.state.messages = self.state.dead_letters = self.state.failures = 0
        self.state.error = self.state.next_run = ""
        self.state.rubbish = False
        self._limits: Producers = settings.producers
        self._recent: deque[bool] = deque(maxlen=_WINDOW)
        self._bad_run = 0
        self._written = 0.0
        self._lock = Lock()
        self.breaker = pybreaker.CircuitBreaker(
            fail_max=self._limits.breaker_failures,
            reset_timeout=self._limits.breaker_pause.total_seconds(),
            listeners=[_Listener(self)],
            throw_new_error_on_trip=False,
            name=source,
        )
        self.note(state="starting", breaker="CLOSED")

    @property
    def source(self) -> str:
        """Return the name of the source."""
        return self.state.source

    def note(self, **changes: Any) -> None:
        """Change fields of the state, and write it."""
        with self._lock:
            for name, value in changes.items():
                setattr(self.state, name, value)
            if "breaker" in changes:
                _BREAKER.labels(self.source).state(self.state.breaker)
            self._write()

    def delivered(self, sent: int, dead: int) -> None:
        """Note that a frame gave so many messages and so many dead letters. Raises RubbishError when it has been
        rubbish for too long, in a row or as a share.
        """
        with self._lock:
            if sent:
                self.state.messages += sent
                self.state.last_message = now()
                _MESSAGES.labels(self.source).inc(sent)
                _LAST.labels(self.source).set_to_current_time()
            if dead:
                self.state.dead_letters += dead
                _DEAD.labels(self.source).inc(dead)
            if sent or dead:  # noise says nothing
                self._recent.append(dead > 0)
                self._bad_run = self._bad_run + 1 if dead and not sent else 0
            if time.monotonic() - self._written > _WRITE_EVERY:
                self._write()
            if not dead:
                return
            bad = sum(self._recent)
            if self._bad_run >= self._limits.rubbish_run:
                raise RubbishError(f"the last {self._bad_run} frames were all bad (producers.rubbish_run)")
            if len(self._recent) == _WINDOW and bad > _WINDOW * self._limits.rubbish_share:
                raise RubbishError(f"{bad} of the last {_WINDOW} frames were bad (producers.rubbish_share)")

    def note_id(self, pair: str, trade_id: int) -> None:
        """Note that Kafka has the trades of ``pair`` up to ``trade_id``; it is written with the next change."""
        with self._lock:
            self.state.last_ids[pair] = max(trade_id, self.state.last_ids.get(pair, 0))

    def note_gap(self, gap: Sequence[Any], *, closed: bool = False) -> None:
        """Note a gap (pair, first and last id) that is to be fetched, or that nothing more is to be fetched of it."""
        with self._lock:
            if closed:
                self.state.gaps.remove([*gap])
            else:
                self.state.gaps.append([*gap])
            self._write()

    def backfilled(self, count: int) -> None:
        """Count messages that were fetched afterwards."""
        _BACKFILLED.labels(self.source).inc(count)

    def failed(self, error: Exception) -> None:
        """Note a failed connection or poll."""
        _FAILURES.labels(self.source).inc()
        self.note(state="failing", failures=self.state.failures + 1, error=str(error)[:300])

    def _write(self) -> None:
        self._written = time.monotonic()
        if self._path is None:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self.state)) + "\n", encoding="utf-8")
        new.replace(self._path)


class _Listener(pybreaker.CircuitBreakerListener):
    """Passes on what the breaker does."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        state = _BREAKER_STATES[new_state.name]
        log.warning("breaker", source=self._health.source, state=state)
        self._health.note(breaker=state)


def folder(settings: Settings) -> Path:
    """Return where the states of the sources are kept."""
    return settings.data_dir / "producers"


def states(settings: Settings) -> list[State]:
    """Return what is known of every source that ever ran, by name; those whose process has ended are ``stopped``."""
    found = [state for path in sorted(folder(settings).glob("*.json")) if (state := _read(path)) is not None]
    for state in found:
        if not psutil.pid_exists(state.pid):
            state.state, state.next_run = "stopped", ""
    return found


def now() -> str:
    """Return the time as it is noted."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _read(path: Path) -> State | None:
    known = {one.name for one in fields(State)}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return State(**{name: value for name, value in content.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):  # not there, or not ours
        return None
