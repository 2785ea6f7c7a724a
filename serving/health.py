"""Whether the API can do its work: PostgreSQL and Kafka answer, and what it would give is fresh."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog

from serving.coins import Coins
from serving.metrics import Metrics
from tidemark import kafka_clients
from tidemark.durations import format_duration
from tidemark.errors import UserError
from tidemark.settings import Settings

log = structlog.get_logger(__name__)

_BELIEVED = 2.0  # seconds that a finding is given again, so that asking costs next to nothing
_KAFKA_MS = 2_000

KafkaCheck = Callable[[], None]  # raises UserError or OSError where Kafka is away; may block


@dataclass(frozen=True)
class Finding:
    """What was found of each part: `ok`, or what is wrong; the time of the newest price."""

    database: str
    kafka: str
    data: str
    newest: datetime | None

    @property
    def ready(self) -> bool:
        """Return whether all of it is well."""
        return self.database == self.kafka == self.data == "ok"


def kafka_answers(settings: Settings) -> None:
    """Ask the broker for its metadata. Raises UserError where it does not answer."""
    kafka_clients.admin(settings, timeout_ms=_KAFKA_MS).close()


class Health:
    """Looks at the parts, not more often than every two seconds."""

    def __init__(
        self,
        settings: Settings,
        coins: Coins,
        metrics: Metrics,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        kafka_check: KafkaCheck,
    ) -> None:
        self._fresh_within = settings.api.fresh_within
        self._coins = coins
        self._metrics = metrics
        self._now = now
        self._clock = clock
        self._kafka_check = kafka_check
        self._looking = asyncio.Lock()
        self._found: tuple[float, Finding] | None = None

    async def look(self) -> Finding:
        """Return what was found within the last two seconds."""
        async with self._looking:
            if self._found is None or self._clock() - self._found[0] >= _BELIEVED:
                (database, data, newest), kafka = await asyncio.gather(self._database(), self._kafka())
                self._found = (self._clock(), Finding(database, kafka, data, newest))
            return self._found[1]

    async def _database(self) -> tuple[str, str, datetime | None]:
        try:
            newest = await self._coins.newest()
        except psycopg.Error as error:
            log.warning("PostgreSQL does not answer", error=type(error).__name__)
            return "does not answer", "unknown", None
        if newest is None:
            return "ok", "there is no price of today or yesterday", None
        self._metrics.newest.set(newest.timestamp())
        if self._now() - newest > self._fresh_within:
            return "ok", f"the newest price is older than {format_duration(self._fresh_within)}", newest
        return "ok", "ok", newest

    async def _kafka(self) -> str:
        try:
            await asyncio.to_thread(self._kafka_check)
        except (UserError, OSError) as error:
            log.warning("Kafka does not answer", error=str(error))
            return "does not answer"
        return "ok"
