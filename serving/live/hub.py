"""What has happened of late, and who is told: one buffer per stream, and in it a place for each client.

A client has no queue of its own. It has a number up to which it was given everything, and takes what is newer when it
can write; one that is so slow that something leaves the buffer before it was given to it has lost it, and is dropped.
"""

from __future__ import annotations

import asyncio
import heapq
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import orjson
import structlog

from serving.live.messages import STREAMS, Chunk, Item, Message
from serving.metrics import Metrics
from serving.problems import Problem, busy
from tidemark.settings import Live

log = structlog.get_logger(__name__)

AWAY = "does not answer"
_POSITION = re.compile(r"([0-9a-f]{8})-(\d{1,15})")
_TOGETHER = 500  # messages that are written at once
_IN_SNAPSHOT = {"alerts": 50, "articles": 20}  # of trades and tickers it has one of each pair


@dataclass(frozen=True)
class Interest:
    """What a client wants: streams, and of trades and tickers only those of ``pair``, unless that is None."""

    streams: tuple[str, ...]
    pair: str | None = None

    def covers(self, item: Item) -> bool:
        """Return whether an item of one of the streams is wanted."""
        return self.pair is None or item.pair == self.pair or item.stream in _IN_SNAPSHOT


@dataclass(frozen=True)
class Ending:
    """Why a client is sent away: the code that closes a WebSocket (RFC 6455, 7.4), and a sentence."""

    code: int
    reason: str


SLOW = Ending(1013, "You took too long to read. Come again with the last id.")
LEAVING = Ending(1012, "The server stops. Come again with the last id.")
GONE = Ending(1000, "")


def refusal(problem: Problem) -> Ending:
    """Return the ending of a client who may not listen any longer."""
    return Ending(1008, problem.detail[:120])


class Client:
    """One who is told. Its task is ended from outside where it is stuck in writing."""

    def __init__(self, hub: Hub, kind: str, interest: Interest, number: int, first: Chunk | None) -> None:
        self.kind = kind
        self.interest = interest
        self.number = number
        self.ending: Ending | None = None
        self.wanted = asyncio.Event()
        self._hub = hub
        self._first = first
        self._beats = hub.beats
        self._task = asyncio.current_task()

    def end(self, ending: Ending) -> None:
        """End it, wherever it is."""
        if self.ending is None:
            self.ending = ending
            if self._task:
                self._task.cancel()

    async def next(self, check: Callable[[], Any]) -> Chunk:
        """Return what it is to be told next, as soon as there is anything.

        ``check`` is awaited with every heartbeat, and raises Problem where the client may not listen any longer.
        """
        if self._first:
            first, self._first = self._first, None
            return first
        while True:
            chunk = self._hub.take(self)
            if self._beats != self._hub.beats:
                self._beats = self._hub.beats
                try:
                    await check()
                except Problem as problem:
                    self.end(refusal(problem))
                return Chunk([*chunk.messages, self._hub.heartbeat], chunk.end)
            if chunk.messages:
                return chunk
            self.wanted.clear()
            await self.wanted.wait()


class Ring:
    """The newest messages of a stream; ``lost`` is the number of the newest one that is not among them any more."""

    def __init__(self, kept: int) -> None:
        self.items: deque[Item] = deque(maxlen=kept)
        self.lost = 0
        self.by_pair: dict[str, Item] = {}  # the newest of each

    def add(self, item: Item) -> None:
        """Add one, and let go of the oldest where there are too many."""
        if len(self.items) == self.items.maxlen:
            self.lost = self.items[0].number
        self.items.append(item)
        if item.pair and ((known := self.by_pair.get(item.pair)) is None or item.time >= known.time):
            self.by_pair[item.pair] = item

    def after(self, number: int) -> list[Item]:
        """Return those that are newer than ``number``, the oldest first."""
        found = list(takewhile(lambda item: item.number > number, reversed(self.items)))
        found.reverse()
        return found


class Hub:
    """Keeps what has happened, and wakes whoever wants it. Belongs to the event loop, and to no other thread."""

    def __init__(self, live: Live, metrics: Metrics, now_ms: Callable[[], int]) -> None:
        self.state = AWAY  # of what the reader reads
        self.beats = 0
        self._most = live.clients
        self._metrics = metrics
        self._now_ms = now_ms
        self._epoch = secrets.token_hex(4)  # numbers of another process are not ours
        self._number = 0
        self._rings = {stream: Ring(live.kept) for stream in STREAMS}
        self._clients: set[Client] = set()
        self._chunks: dict[tuple[Interest, int], Chunk] = {}  # most clients want the same
        self._snapshots: dict[Interest, Chunk] = {}
        self.heartbeat = self._heartbeat()

    def join(self, kind: str, interest: Interest, after: str | None) -> Client:
        """Return a new client, which is this very task: it goes on ``after`` a position, or begins with a snapshot.

        Raises Problem (503) where there are too many already.
        """
        if len(self._clients) >= self._most:
            raise busy("There are as many live clients as there may be.", "Try again in a moment.")
        number = self._resumed(interest, after)
        first = self._snapshot(interest) if number is None else None
        client = Client(self, kind, interest, self._number if number is None else number, first)
        self._clients.add(client)
        self._metrics.live_clients.labels(kind).inc()
        return client

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self._clients.discard(client)
        self._metrics.live_clients.labels(client.kind).dec()

    async def publish(self, items: Iterable[Item]) -> float:
        """Add items, and let every client who can write them do so; return how many seconds that took."""
        began = time.perf_counter()
        for item in items:
            self._number += 1
            item.number = self._number
            item.position = self._position(self._number)
            self._rings[item.stream].add(item)
        self._chunks.clear()
        self._snapshots.clear()
        for client in self._clients:
            if any(self._rings[stream].lost > client.number for stream in client.interest.streams):
                self._drop(client)
            else:
                client.wanted.set()
        await asyncio.sleep(0)  # comes back after all who were woken
        return time.perf_counter() - began

    def beat(self) -> None:
        """Let every client hear a heartbeat."""
        self.beats += 1
        self.heartbeat = self._heartbeat()
        for client in self._clients:
            client.wanted.set()

    def set_state(self, state: str) -> None:
        """Note how the reader is, and tell everybody where that is new."""
        if state != self.state:
            self.state = state
            self._metrics.live_following.set(state == "ok")
            self.beat()

    def close(self) -> None:
        """Send every client away."""
        for client in self._clients:
            client.end(LEAVING)

    def take(self, client: Client) -> Chunk:
        """Return what is newer than what a client has, so much as can be written at once; it has that then."""
        key = (client.interest, client.number)
        chunk = self._chunks.get(key)
        if chunk is None:
            newer = [self._rings[stream].after(client.number) for stream in client.interest.streams]
            found = [item for item in heapq.merge(*newer, key=lambda item: item.number) if client.interest.covers(item)]
            whole = len(found) <= _TOGETHER
            chunk = Chunk(found[:_TOGETHER], self._number if whole else found[_TOGETHER - 1].number)
            self._chunks[key] = chunk
        client.number = chunk.end
        return chunk

    def _drop(self, client: Client) -> None:
        if client.ending is None:
            log.info("a live client is too slow", kind=client.kind, streams=client.interest.streams)
            self._metrics.live_dropped.labels(client.kind).inc()
            client.end(SLOW)

    def _resumed(self, interest: Interest, after: str | None) -> int | None:
        """Return the number after which a client can go on; None where it cannot, since what came then is gone."""
        match = _POSITION.fullmatch(after or "")
        if match is None or match[1] != self._epoch or int(match[2]) > self._number:
            return None
        number = int(match[2])
        return number if all(self._rings[stream].lost <= number for stream in interest.streams) else None

    def _snapshot(self, interest: Interest) -> Chunk:
        found = self._snapshots.get(interest)
        if found is None:
            data = {stream: [orjson.Fragment(item.data) for item in self._newest(stream, interest)] for stream in
                    interest.streams}  # fmt: skip
            message = Message("snapshot", self._position(self._number), orjson.dumps(data))
            found = self._snapshots[interest] = Chunk([message], self._number)
        return found

    def _newest(self, stream: str, interest: Interest) -> list[Item]:
        ring = self._rings[stream]
        if stream in _IN_SNAPSHOT:
            return heapq.nlargest(_IN_SNAPSHOT[stream], ring.items, key=lambda item: (item.time, item.number))
        return [item for _, item in sorted(ring.by_pair.items()) if interest.covers(item)]

    def _heartbeat(self) -> Message:
        data = {"time": self._now_ms(), "kafka": self.state}
        return Message("heartbeat", self._position(self._number), orjson.dumps(data))

    def _position(self, number: int) -> str:
        return f"{self._epoch}-{number}"
