"""What the routes of one app work with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from starlette.requests import HTTPConnection

from serving import cache
from serving.audit import Audit
from serving.auth import Auth
from serving.cache import Cache
from serving.coins import Coins
from serving.database import Database
from serving.health import Health, KafkaCheck, kafka_answers
from serving.limits import Limits
from serving.live.live import Live
from serving.metrics import Metrics
from tidemark.settings import Settings


@dataclass(frozen=True)
class Clocks:
    """The time of day, and seconds that only go forward; tests have their own."""

    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    monotonic: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Services:
    """Made once for an app; found again at ``request.app.state.services``."""

    settings: Settings
    clocks: Clocks
    database: Database
    coins: Coins
    cache: Cache
    auth: Auth
    limits: Limits
    metrics: Metrics
    health: Health
    audit: Audit
    live: Live | None  # unless this process serves nothing live

    async def open(self) -> None:
        """Begin to connect."""
        await self.database.open()
        if self.live:
            self.live.start()

    def send_away(self) -> None:
        """Let those go who would stay for ever, so that the server can stop."""
        if self.live:
            self.live.hub.close()

    async def close(self) -> None:
        """Let go of every connection."""
        if self.live:
            await self.live.stop()
        await self.cache.close()
        await self.database.close()


def make(settings: Settings, clocks: Clocks, kafka_check: KafkaCheck | None) -> Services:
    """Put them together. Raises UserError where a password is missing."""
    api = settings.api
    database = Database(settings)
    metrics = Metrics(lambda: database.running)
    coins = Coins(database, clocks.now, settings.coingecko.coins)
    store = cache.store(api.redis.get_secret_value() if api.redis else None, clocks.monotonic)
    live = Live(settings, metrics) if settings.live.enabled else None
    check = kafka_check or (live.check if live else lambda: kafka_answers(settings))
    return Services(
        settings,
        clocks,
        database,
        coins,
        Cache(store, metrics, clocks.monotonic),
        Auth(api, database, clocks.monotonic),
        Limits(api),
        metrics,
        Health(settings, coins, metrics, clocks.now, clocks.monotonic, check),
        Audit(database),
        live,
    )


def of(request: HTTPConnection) -> Services:
    """Return the services of the app that ``request`` came to."""
    found: Services = request.app.state.services
    return found
