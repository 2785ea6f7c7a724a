"""A PostgreSQL of the tests' own, without Kafka and Flink, and a database with all migrations for each test."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from stack import config, database, migrate, ports
from stack.config import PYTHON, Layout
from tests.world import wait_for
from tidemark import settings as settings_module
from tidemark.endpoints import Role
from tidemark.settings import Settings


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Run the PostgreSQL of the local stack by itself, on a free port."""
    settings = settings_module.load(data_dir=tmp_path_factory.mktemp("postgres"))
    layout = Layout(settings.data_dir)
    layout.logs.mkdir()
    chosen = ports.choose(settings)
    chosen.write(settings)
    database.prepare(settings)
    command = [PYTHON, "-m", "stack.unprivileged", *config.postgres_command(layout, chosen)]
    with (layout.logs / "postgres.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: database.superuser_connects(settings), "PostgreSQL", 60)
        yield settings
    finally:
        process.send_signal(2)  # SIGINT: a fast shutdown
        process.wait(30)


class Database:
    """A database of its own, and short words to use it."""

    def __init__(self, server: Settings, **groups: Any) -> None:
        """Make the database with its roles; no tables yet."""
        groups["postgres"] = {"database": f"t{uuid.uuid4().hex[:8]}"}
        self.settings = settings_module.load(data_dir=server.data_dir, **groups)
        database.make_roles(self.settings)

    def migrate(self) -> list[str]:
        """Apply the project's migrations; return which were applied."""
        return migrate.migrate(self.settings)

    def run(self, statement: str, *values: Any, role: Role = "migrator") -> list[tuple[Any, ...]]:
        """Run a statement in a transaction of its own; return its rows, if it has any."""
        with closing(self.session(role)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def session(self, role: Role = "writer") -> Any:
        """Return a connection."""
        return database.connect(self.settings, role)


@pytest.fixture
def empty(server: Settings) -> Callable[..., Database]:
    """Return a maker of databases without tables; its arguments are groups of settings."""
    return lambda **groups: Database(server, **groups)


@pytest.fixture
def tables(empty: Callable[..., Database]) -> Callable[..., Database]:
    """Return a maker of databases with all tables."""

    def make(**groups: Any) -> Database:
        made = empty(**groups)
        made.migrate()
        return made

    return make
