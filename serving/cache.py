"""Answers that are given again for a moment: in this process, or in Redis, behind one small interface."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from serving.metrics import Metrics

log = structlog.get_logger(__name__)

Clock = Callable[[], float]  # seconds, of any beginning, that only go forward

_ROOM = 64 * 2**20  # bytes of answers in this process
REDIS_SECONDS = 0.2  # the database answers about as fast, so a Redis that does not is left aside


class Store(Protocol):
    """Where answers are kept. One that is away has nothing and takes nothing."""

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under ``key``."""

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep ``value`` for ``seconds``."""

    async def close(self) -> None:
        """Let go of connections."""


class Memory:
    """Keeps answers in this process; the ones used longest ago go where there are too many."""

    def __init__(self, clock: Clock, room: int = _ROOM) -> None:
        self._clock = clock
        self._room = room
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._size = 0

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under ``key``."""
        found = self._kept.get(key)
        if found is None:
            return None
        if self._clock() >= found[0]:
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        return found[1]

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep ``value`` for ``seconds``."""
        self._forget(key)
        self._kept[key] = (self._clock() + seconds, value)
        self._size += len(value)
        while self._size > self._room:
            self._forget(next(iter(self._kept)))

    async def close(self) -> None:
        """Nothing is open."""

    def _forget(self, key: str) -> None:
        if key in self._kept:
            self._size -= len(self._kept.pop(key)[1])


class InRedis:
    """Keeps answers in Redis, for several processes. While it is away, every answer is made anew."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
        self._away = False

    async def get(self, key: str) -> bytes | None:
        """Return what is kept under ``key``."""
        try:
            found: bytes | None = await self._redis.get(f"tidemark:{key}")
        except (RedisError, OSError, asyncio.TimeoutError) as error:
            self._note(error)
            return None
        self._note(None)
        return found

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep ``value`` for ``seconds``."""
        try:
            await self._redis.set(f"tidemark:{key}", value, px=max(1, int(seconds * 1000)))
        except (RedisError, OSError, asyncio.TimeoutError) as error:
            self._note(error)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()

    def _note(self, error: BaseException | None) -> None:
        if (error is not None) != self._away:
            self._away = error is not None
            log.warning("Redis is away" if error else "Redis is back", error=type(error).__name__ if error else None)


class Cache:
    """Gives an answer again as long as it is young, and makes each only once at a time.

    An answer is as old as its question to the database, not as its arrival here.
    """

    def __init__(self, store: Store, metrics: Metrics, clock: Clock = time.monotonic) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._running: dict[str, tuple[float, asyncio.Task[bytes]]] = {}

    async def get(self, key: str, seconds: float, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return the answer to ``key``, at most ``seconds`` old when this is called, or as ``make`` makes it."""
        found = await self._store.get(key)
        if found is not None:
            self._metrics.cached.labels("hit").inc()
            return found
        running = self._running.get(key)
        if running and self._clock() - running[0] < seconds:
            self._metrics.cached.labels("joined").inc()
            return await asyncio.shield(running[1])
        self._metrics.cached.labels("miss").inc()
        began = self._clock()
        task = asyncio.ensure_future(self._make(key, began, seconds, make))
        task.add_done_callback(_look_at)
        self._running[key] = (began, task)
        return await asyncio.shield(task)

    async def _make(self, key: str, began: float, seconds: float, make: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            made = await make()
        finally:
            if self._running.get(key, (None,))[0] == began:
                del self._running[key]
        left = seconds - (self._clock() - began)
        if left > 0:
            await self._store.put(key, made, left)
        return made

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()


def _look_at(task: asyncio.Task[bytes]) -> None:
    """Take note of an error that nobody waits for any more, which asyncio would complain about."""
    if not task.cancelled():
        task.exception()


def store(url: str | None, clock: Clock) -> Store:
    """Return the store that the settings name: Redis at ``url``, or this process's memory."""
    return InRedis(url) if url else Memory(clock)
