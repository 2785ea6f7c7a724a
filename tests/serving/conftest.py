"""The API on a PostgreSQL of the tests' own, filled with a market that stands still at a moment."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.app import create_app
from serving.auth import hashed, new_key
from serving.services import Clocks
from stack import config, database, local
from stack.config import Layout
from tests.serving.market import NOW, Market
from tests.storage.conftest import Database, server  # noqa: F401 - pytest finds it here
from tests.world import wait_for
from tidemark.endpoints import Ports
from tidemark.settings import Live, Settings

LOOPBACK = ("127.0.0.1", 50_000)


@dataclass
class Clock:
    """A time that goes on when told."""

    time: datetime = NOW
    seconds: float = 1000.0

    def forward(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds

    @property
    def clocks(self) -> Clocks:
        """Return the two clocks that an app has."""
        return Clocks(lambda: self.time, lambda: self.seconds)


class Api:
    """Makes apps on a database, and callers of them."""

    def __init__(self, made: Database, stack: ExitStack) -> None:
        self.database = made
        self._stack = stack
        self.app: FastAPI  # the last one …
        self.entered: TestClient  # … and its first caller

    def settings(self, **api: Any) -> Settings:
        """Return the settings of an app: the usual ones, but for those given."""
        whole = self.database.settings
        changed = type(whole.api)(**{**whole.api.model_dump(exclude_unset=True), **api})
        return whole.model_copy(update={"api": changed, "live": Live(enabled=False)})

    def __call__(
        self,
        clock: Clock | None = None,
        *,
        address: tuple[str, int] = LOOPBACK,
        key: str | None = None,
        **api: Any,
    ) -> TestClient:
        """Return a caller of a new app, with ``api`` for settings; without a key, a program on this machine."""
        self.app = create_app(self.settings(**api), clocks=(clock or Clock()).clocks, kafka_check=lambda: None)
        self.entered = self._stack.enter_context(self._client(address, key))
        return self.entered

    def caller(self, *, address: tuple[str, int] = LOOPBACK, key: str | None = None) -> TestClient:
        """Return another caller of the last app."""
        made = self._client(address, key)
        made.portal = self.entered.portal  # all requests to an app run in one event loop
        return made

    def _client(self, address: tuple[str, int], key: str | None) -> TestClient:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return TestClient(
            self.app, base_url="http://127.0.0.1", client=address, headers=headers, raise_server_exceptions=False
        )

    def key(self, *scopes: str, expires_at: datetime | None = None) -> str:
        """Return a new key."""
        key_id, key = new_key()
        values = {
            "key_id": key_id,
            "name": "test",
            "hash": hashed(key),
            "scopes": list(scopes),
            "expires_at": expires_at,
        }
        with closing(self.database.session("migrator")) as connection, connection, connection.cursor() as cursor:
            cursor.execute(database.statement("api/add_api_key"), values)
        return key


@pytest.fixture(scope="session")
def market() -> Market:
    """Return the rows that are in the database of `api`."""
    return Market()


@pytest.fixture(scope="session")
def filled(server: Settings, market: Market) -> Database:  # noqa: F811
    """Return a database with the market in it; nobody writes to it any more."""
    made = Database(server)
    made.migrate()
    market.store(made)
    return made


@pytest.fixture(scope="session")
def api(filled: Database) -> Iterator[TestClient]:
    """Return a caller of an app on the market."""
    with ExitStack() as stack:
        yield Api(filled, stack)()


@pytest.fixture
def apis(filled: Database) -> Iterator[Api]:
    """Return a maker of apps on the market."""
    with ExitStack() as stack:
        yield Api(filled, stack)


@pytest.fixture
def own(server: Settings) -> Iterator[Callable[..., Api]]:  # noqa: F811
    """Return a maker of makers of apps, each on an empty database of its own."""
    with ExitStack() as stack:

        def make(**groups: Any) -> Api:
            made = Database(server, **groups)
            made.migrate()
            return Api(made, stack)

        yield make


class Broker:
    """The Kafka of the local stack by itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._layout = Layout(settings.data_dir)
        chosen = Ports.read(settings)
        assert chosen
        for path, text in config.render(settings, chosen).items():
            if path.is_relative_to(self._layout.kafka):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        local.format_kafka(self._layout)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._layout.logs / "kafka.log").open("a") as log:
            self._process = subprocess.Popen(
                config.kafka_command(self._layout), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        wait_for(lambda: local.is_healthy(self.settings, "kafka"), "Kafka", 60)

    def stop(self) -> None:
        """Kill it: it loses nothing, and is gone at once."""
        self._process.kill()
        self._process.wait(30)


@pytest.fixture(scope="session")
def broker(server: Settings) -> Iterator[Broker]:  # noqa: F811
    """Run a broker beside PostgreSQL."""
    made = Broker(server)
    try:
        yield made
    finally:
        made.stop()
