"""The live part of an app: the hub, its reader, its heartbeat."""

from __future__ import annotations

import asyncio
import time

from serving.live.hub import Hub
from serving.live.reader import Reader
from serving.metrics import Metrics
from tidemark.errors import UserError
from tidemark.settings import Settings


class Live:
    """Made once for an app, and started in its event loop."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.hub = Hub(settings.live, metrics, lambda: time.time_ns() // 1_000_000)
        self._reader = Reader(settings, self.hub, metrics)
        self._every = settings.live.heartbeat.total_seconds()
        self._beating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read Kafka."""
        self._reader.start()
        self._beating = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        """Send every client away, and stop reading."""
        self.hub.close()
        if self._beating:
            self._beating.cancel()
        await self._reader.stop()

    def check(self) -> None:
        """Raise UserError unless Kafka is followed."""
        if self.hub.state != "ok":
            raise UserError(f"Kafka {self.hub.state}.")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            self.hub.beat()
