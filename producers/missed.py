"""Trades that were missed: a gap in a pair's consecutive ids is seen, fetched from the venue, and sent after."""

from __future__ import annotations

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
_TRIES = 3
_PAUSE = 2.0  # seconds before a failed fetch is tried again, then twice, four times as long


class Gap(NamedTuple):
    """Ids of a pair that are missing, both ends included."""

    pair: str
    first: int
    last: int


class Sequences:
    """Follows the ids of each pair from ``last_ids``, which it keeps up to date."""

    def __init__(self, last_ids: dict[str, int]) -> None:
        self._last = last_ids

    def gaps(self, messages: Iterable[Message]) -> list[Gap]:
        """Return the gaps that ``messages`` leave behind the newest id of their pair."""
        found = []
        for message in messages:
            trade_id = message.value.get("trade_id", "")
            if not trade_id.isdecimal():  # of another number space, such as aggregated trades
                continue
            pair, number = message.value["pair"], int(trade_id)
            last = self._last.get(pair)
            if last is not None and number > last + 1:
                found.append(Gap(pair, last + 1, number - 1))
            self._last[pair] = max(number, last or 0)
        return found


class Backfill:
    """Fetches gaps, one after the other, in a thread of its own, so that the stream goes on meanwhile."""

    def __init__(self, fetch: FetchTrades, sink: Sink, stop: Event, health: Health, limits: Producers) -> None:
        self._fetch = fetch
        self._sink = sink
        self._stop = stop
        self._health = health
        self._most = limits.backfill_max
        self._gaps: Queue[Gap] = Queue()

    def add(self, gap: Gap) -> None:
        """Have ``gap`` fetched, or where it is too long its newest part."""
        log.warning("gap", source=self._health.source, **gap._asdict())
        self._gaps.put(gap._replace(first=max(gap.first, gap.last - self._most + 1)))

    def run(self) -> None:
        """Fetch what was added until stopped."""
        while not self._stop.is_set():
            try:
                gap = self._gaps.get(timeout=_TICK)
            except Empty:
                continue
            self.close(gap)

    def close(self, gap: Gap) -> int:
        """Fetch ``gap`` and send what the venue still has of it, marked as backfill; return how many that were."""
        count, first, failures = 0, gap.first, 0
        while first <= gap.last and not self._stop.is_set():
            try:
                trades = self._fetch(gap.pair, first, gap.last)
            except PollError as error:
                failures += 1
                if failures == _TRIES:
                    log.warning(
                        "gap_left", source=self._health.source, **gap._asdict(), fetched=count, reason=str(error)
                    )
                    return count
                self._stop.wait(error.retry_after or _PAUSE * 2 ** (failures - 1))
                continue
            if not trades:
                break
            for trade in trades:
                self._sink.send(trade, backfill=True)
            count += len(trades)
            first = max(int(trade.value["trade_id"]) for trade in trades) + 1
        self._health.backfilled(count)
        missing = gap.last - gap.first + 1 - count
        log.info("gap_fetched", source=self._health.source, **gap._asdict(), fetched=count, missing=missing)
        return count
