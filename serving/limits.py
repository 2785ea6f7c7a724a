"""How often each address and each key may ask."""

from __future__ import annotations

import ipaddress
import math
import time
from functools import lru_cache
from typing import Any

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError

from serving.cache import REDIS_SECONDS
from serving.problems import Problem
from tidemark.settings import Api

log = structlog.get_logger(__name__)


class Limits:
    """Counts requests over a sliding window: in this process, or in Redis for several."""

    def __init__(self, api: Api) -> None:
        url = api.redis.get_secret_value() if api.redis else None
        self._limiter = SlidingWindowCounterRateLimiter(_redis(url) if url else MemoryStorage())
        self._per_address = parse(api.rate_per_address)
        self._per_key = parse(api.rate_per_key)

    async def address(self, address: str | None) -> None:
        """Count a request from ``address``. Raises Problem (429) where there were too many."""
        await self._count(self._per_address, "address", network(address), "from this address")

    async def key(self, name: str) -> None:
        """Count a request with the key (or by the subject of a token) ``name``. Raises Problem (429)."""
        await self._count(self._per_key, "key", name, "with this key")

    async def _count(self, limit: RateLimitItem, kind: str, who: str, said: str) -> None:
        try:
            if await self._limiter.hit(limit, kind, who):
                return
            stats = await self._limiter.get_window_stats(limit, kind, who)
        except StorageError as error:  # Redis is away: better to answer than not
            log.warning("limits are not counted", error=type(error.storage_error).__name__)
            return
        wait = max(1, math.ceil(stats.reset_time - time.time()))
        raise Problem(
            429,
            "too-many-requests",
            f"There were more than {limit.amount:,} requests in a {limit.GRANULARITY.name} {said}.",
            f"Try again in {wait} s.",
            headers={"Retry-After": str(wait)},
        )


def _redis(url: str) -> RedisStorage:
    times: dict[str, Any] = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    return RedisStorage(f"async+{url}", implementation="redispy", wrap_exceptions=True, **times)


@lru_cache(maxsize=4096)
def network(address: str | None) -> str:
    """Return what counts as one address: of IPv6 a /64, which is what one household has."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "unknown"
    mapped = getattr(found, "ipv4_mapped", None)
    if found.version == 4 or mapped:
        return str(mapped or found)
    return str(ipaddress.ip_network((found, 64), strict=False))
