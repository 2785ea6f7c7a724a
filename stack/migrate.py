"""Migrations: sql/postgres/NNN_*.sql, each applied once, in the order of their numbers, in a transaction of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 calls its class so

from stack import database
from tidemark.errors import UserError
from tidemark.paths import POSTGRES_SQL
from tidemark.settings import Settings

_NAME = re.compile(r"\d{3}_[a-z0-9_]+\.sql")
_EXTENSION = re.compile(r"^-- Extension: (\w+)$", re.MULTILINE)
_LOCK = 7_443_211  # any number, the same for everybody who migrates a Tidemark database


@dataclass(frozen=True)
class Migration:
    """One file: its name, its statements, and the SHA-256 (hex) of its text."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """By which a change after the fact is noticed."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def extension(self) -> str | None:
        """The extension of PostgreSQL without which it is skipped; its banner names it."""
        found = _EXTENSION.search(self.text)
        return found[1] if found else None


def read(folder: Path = POSTGRES_SQL) -> list[Migration]:
    """Return the migrations of ``folder`` in order. Raises UserError on a misnamed file or a number used twice."""
    files = sorted(folder.glob("*.sql"))
    numbers = [file.name[:3] for file in files]
    for file in files:
        if not _NAME.fullmatch(file.name):
            raise UserError(f"{file} is not named NNN_words.sql.", "Rename it; the number gives the order.")
        if numbers.count(file.name[:3]) > 1:
            raise UserError(f"{file} shares its number with another migration.", "Give each its own number.")
    return [Migration(file.name, file.read_text()) for file in files]


def pending(migrations: list[Migration], applied: dict[str, str]) -> list[Migration]:
    """Return those of ``migrations`` that are yet to be applied; ``applied`` gives checksums by name.

    Raises UserError where an applied file has changed or gone since, or a new one comes before an applied one; one that
    needs an extension may come at any time after, when that is there.
    """
    here = {migration.name for migration in migrations}
    for name in applied:
        if name not in here:
            raise UserError(
                f"The database has the migration {name}, which this checkout does not.",
                "Use the checkout that made it, or another database.",
            )
    new = [migration for migration in migrations if migration.name not in applied]
    for migration in migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise UserError(
                f"sql/postgres/{migration.name} was changed after it had been applied.",
                "Undo the change, and put it into a new file with the next number.",
            )
    for migration in new:
        if applied and migration.name < max(applied) and not migration.extension:
            raise UserError(
                f"sql/postgres/{migration.name} comes before {max(applied)}, which has been applied already.",
                "Give it the next number.",
            )
    return new


def migrate(
    settings: Settings, folder: Path = POSTGRES_SQL, report: Callable[[str], None] = lambda text: None
) -> list[str]:
    """Apply what is pending, as the role migrator; return the names. Two at once wait for each other.

    What needs an extension that the database does not have is left pending, and ``report`` told so. Raises UserError
    where a migration fails (it is then undone, those before it stay), or see :func:`pending`.
    """
    migrations = read(folder)
    server = database.connect(settings, "migrator")
    try:
        with server, server.cursor() as cursor:
            cursor.execute(database.statement("queries/migration_lock"), {"lock": _LOCK})
            cursor.execute(database.statement("setup/schema_migrations"))
            cursor.execute(database.statement("queries/applied_migrations"))
            new = pending(migrations, dict(cursor.fetchall()))
        done = []
        for migration in new:
            if migration.extension and not _has(server, migration.extension):
                report(
                    f"{migration.name} is skipped: the database does not have the extension {migration.extension}"
                    f" (after CREATE EXTENSION {migration.extension}, `tidemark migrate` applies it)"
                )
            else:
                _apply(server, migration)
                done.append(migration.name)
    finally:
        server.close()  # which also gives the lock back
    return done


def _has(server: Connection, extension: str) -> bool:
    with server, server.cursor() as cursor:
        cursor.execute(database.statement("queries/extension_exists"), {"extension": extension})
        return cursor.fetchone() is not None


def _apply(server: Connection, migration: Migration) -> None:
    try:
        with server, server.cursor() as cursor:
            cursor.execute(migration.text)
            cursor.execute(
                database.statement("setup/note_migration"), {"name": migration.name, "checksum": migration.checksum}
            )
    except psycopg2.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"sql/postgres/{migration.name} failed: {reason}.", "It was undone.") from error
