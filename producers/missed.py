"""Trades that were missed: a gap in a pair's consecutive ids is seen, fetched from the venue, and sent after.

What was seen and what is still to be fetched is noted, so that another process goes on where one was ended.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from queue import Empty, Queue
from threading import Event
from typing import NamedTuple

import structlog

from producers.health import Health
from producers.message import Message, PollError
from producers.sink import Sink
from producers.source import FetchTrades
from tidemark.settings import Producers

log = structlog.get_logger(__name__)

_TICK = 0.5  # seconds between two looks at the stop flag
_ACKNOWLEDGED_TICK = 0.02  # seconds between two looks whether Kafka has what was sent
_TRIES = 3
_PAUSE = 2.0  # seconds before a failed fetch is tried again, then twice, four times as long
_WAITING = 1000  # gaps that wait to be fetched at most: a venue that never answers must not fill the memory


class Gap(NamedTuple):
    """Ids of a pair that are missing, both ends included."""

    pair: str
    first: int
    last: int


class Fetched(NamedTuple):
    """What came of a gap: how many trades were sent, and the id to go on from where it is not done with."""

    trades: int
    left: int | None


class Sequences:
    """Follows the ids of each pair, from ``last_ids`` on."""

    def __init__(self, last_ids: dict[str, int]) -> None:
        self._last = dict(last_ids)

    def gaps(self, messages: Iterable[Message]) -> list[Gap]:
        """Return the gaps that ``messages`` leave behind the newest id of their pair."""
        found = []
        for message in messages:
            number = _number(message)
            if number is None:
                continue
            pair = message.value["pair"]
            last = self._last.get(pair)
            if last is not None and number > last + 1:
                found.append(Gap(pair, last + 1, number - 1))
            self._last[pair] = max(number, last or 0)
        return found


def note_id(health: Health, message: Message) -> None:
    """Note the id of a trade that Kafka has: what comes after it is what the next process may have to fetch."""
    number = _number(message)
    if number is not None:
        health.note_id(message.value["pair"], number)


def _number(message: Message) -> int | None:
    trade_id = message.value.get("trade_id", "")
    return int(trade_id) if trade_id.isdecimal() else None  # others are of another count, as of aggregated trades


class Backfill:
    """Fetches gaps, one after the other, in a thread of its own, so that the stream goes on meanwhile; first those that
    an earlier process has left.
    """

    def __init__(self, fetch: FetchTrades, sink: Sink, stop: Event, health: Health, limits: Producers) -> None:
        self._fetch = fetch
        self._sink = sink
        self._stop = stop
        self._health = health
        self._most = limits.backfill_max
        self._pause = limits.breaker_pause
        self._timeout = limits.send_timeout.total_seconds()
        self._gaps: Queue[tuple[Gap, int]] = Queue()  # and the first id that is still to be fetched
        for entry in health.state.gaps:
            gap = Gap(*entry)
            self._gaps.put((gap, gap.first))

    def add(self, gap: Gap) -> None:
        """Have ``gap`` fetched, or where it is too long its newest part."""
        log.warning("gap", source=self._health.source, **gap._asdict())
        gap = gap._replace(first=max(gap.first, gap.last - self._most + 1))
        if gap.first > gap.last:
            return
        if self._gaps.qsize() >= _WAITING:
            log.error("gap_given_up", source=self._health.source, **gap._asdict(), reason="too many wait already")
            return
        self._health.note_gap(gap)
        self._gaps.put((gap, gap.first))

    def run(self) -> None:
        """Fetch what was added until stopped. Where the venue does not answer, the gap waits its turn anew."""
        while not self._stop.is_set():
            try:
                gap, first = self._gaps.get(timeout=_TICK)
            except Empty:
                continue
            fetched = self.fetch(gap, first)
            if fetched.left is None:
                self._health.note_gap(gap, closed=True)
            else:
                self._gaps.put((gap, fetched.left))
                self._stop.wait(self._pause.total_seconds())

    def fetch(self, gap: Gap, start: int) -> Fetched:
        """Fetch ``gap`` from the id ``start`` on and send what the venue still has of it, marked as backfill."""
        first, failures = start, 0
        count = 0
        sent: Message | None = None
        acknowledged: deque[Message] = deque(maxlen=1)
        while first <= gap.last and not self._stop.is_set():
            try:
                trades = self._fetch(gap.pair, first, gap.last)
            except PollError as error:
                failures += 1
                if failures == _TRIES:
                    again = self._pause.total_seconds()
                    log.warning(
                        "gap_waits", source=self._health.source, **gap._asdict(), reason=str(error), again_s=again
                    )
                    break
                self._stop.wait(error.retry_after or _PAUSE * 2 ** (failures - 1))
                continue
            if not trades:
                break
            for trade in trades:
                if self._sink.send(trade, backfill=True, delivered=acknowledged.append):
                    sent = trade
            count += len(trades)
            first = max(int(trade.value["trade_id"]) for trade in trades) + 1
        self._health.backfilled(count)
        if not self._arrived(sent, acknowledged):
            return Fetched(count, start)
        if failures == _TRIES or (self._stop.is_set() and first <= gap.last):
            return Fetched(count, first)
        missing = gap.last - start + 1 - count
        log.info("gap_fetched", source=self._health.source, **gap._asdict(), fetched=count, missing=missing)
        return Fetched(count, None)

    def _arrived(self, sent: Message | None, acknowledged: deque[Message]) -> bool:
        """Wait until Kafka has the last trade that was sent, and with it those before; return whether it has."""
        until = time.monotonic() + self._timeout
        while sent is not None and not (acknowledged and acknowledged[0] is sent):
            if time.monotonic() > until or self._stop.wait(_ACKNOWLEDGED_TICK):
                return False
        return True
