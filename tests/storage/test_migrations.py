"""Migrations: what needs an extension waits for it, and everything else is applied once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg2

from stack import database, migrate
from tests.storage.conftest import Database
from tidemark import endpoints


def test_what_needs_an_extension_is_skipped_and_said_until_it_is_there(
    empty: Callable[..., Database], tmp_path: Path
) -> None:
    made = empty()
    (tmp_path / "001_first.sql").write_text("CREATE TABLE first (id int);")
    (tmp_path / "002_more.sql").write_text("-- More\n-- Extension: vector\nCREATE TABLE more (id int);")
    (tmp_path / "003_last.sql").write_text("CREATE TABLE last (id int);")
    said: list[str] = []
    assert migrate.migrate(made.settings, tmp_path, said.append) == ["001_first.sql", "003_last.sql"]
    assert said == [
        "002_more.sql is skipped: the database does not have the extension vector"
        " (after CREATE EXTENSION vector, `tidemark migrate` applies it)"
    ]
    assert migrate.migrate(made.settings, tmp_path) == []
    login = endpoints.postgres(made.settings, "migrator")
    password = endpoints.password_file(made.settings, database.SUPERUSER).read_text().strip()
    superuser = psycopg2.connect(
        host=login.host, port=login.port, dbname=login.database, user=database.SUPERUSER, password=password
    )
    with closing(superuser), superuser:
        superuser.cursor().execute("CREATE EXTENSION vector")
    assert migrate.migrate(made.settings, tmp_path) == ["002_more.sql"]
    assert migrate.migrate(made.settings, tmp_path) == []


def test_the_projects_migrations_without_timescaledb(empty: Callable[..., Database]) -> None:
    made = empty()
    said: list[str] = []
    applied = migrate.migrate(made.settings, report=said.append)
    assert "020_partitions.sql" in applied
    assert "022_timescaledb.sql" not in applied
    assert [text.split(":")[0] for text in said] == ["022_timescaledb.sql is skipped"]
    assert made.migrate() == []
