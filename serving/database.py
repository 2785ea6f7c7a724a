"""PostgreSQL: the market as the role reader, what is the API's own as the role api; one query per file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from flink_jobs.sql_files import read_query
from tidemark import endpoints
from tidemark.endpoints import Role
from tidemark.paths import POSTGRES_SQL
from tidemark.settings import Settings

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[Row]

_WAIT = 2.0  # seconds that a request waits for a free connection
_OWN_CONNECTIONS = 2  # keys are looked up and writes noted: short, and rare


@cache
def statement(name: str) -> bytes:
    """Return what a file of ``sql/postgres`` says, of its folder api where no other is named."""
    return read_query(POSTGRES_SQL / (f"{name}.sql" if "/" in name else f"api/{name}.sql")).encode()


class Database:
    """Two pools of connections. A query that takes longer than ``api.statement_timeout`` is cancelled by the server."""

    def __init__(self, settings: Settings) -> None:
        """Make the pools; they connect in :meth:`open`. Raises UserError where a password is missing."""
        self._market = _pool(settings, "reader", settings.api.connections, read_only=True)
        self._own = _pool(settings, "api", _OWN_CONNECTIONS, read_only=False)
        self.running = 0  # queries on the market, those that wait for a connection included

    async def open(self) -> None:
        """Begin to connect; does not wait for it."""
        await self._market.open(wait=False)
        await self._own.open(wait=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._market.close()
        await self._own.close()

    async def fetch(self, query: str, **values: Any) -> list[Row]:
        """Run a query on the market; return its rows by column name.

        Raises psycopg.errors.QueryCanceled where it takes too long, psycopg.OperationalError where PostgreSQL is away.
        """
        self.running += 1
        try:
            return await self._read(self._market, query, values)
        finally:
            self.running -= 1

    async def fetch_own(self, query: str, **values: Any) -> list[Row]:
        """Run a query on what is the API's own; else as :meth:`fetch`."""
        return await self._read(self._own, query, values)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Give a connection as the role api, in a transaction that ends with the block."""
        async with self._own.connection() as connection, connection.transaction():
            yield connection

    async def _read(self, pool: AsyncConnectionPool[Connection], query: str, values: Row) -> list[Row]:
        try:
            async with pool.connection() as connection:
                return await run(connection, query, **values)
        except (psycopg.errors.QueryCanceled, PoolTimeout):
            raise
        except psycopg.OperationalError:
            pass
        # The server has ended connections (a restart, an administrator): a read may be tried again, on new ones.
        await pool.check()
        async with pool.connection() as connection:
            return await run(connection, query, **values)


async def run(connection: Connection, query: str, **values: Any) -> list[Row]:
    """Run a query on ``connection``; return its rows by column name."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(statement(query), values)
    return await cursor.fetchall() if cursor.description else []


def login_options(settings: Settings, role: Role, **options: Any) -> Row:
    """Return how psycopg connects as ``role``, with ``options`` of the session. Raises UserError without a password."""
    login = endpoints.postgres(settings, role)
    given = {"timezone": "UTC", "jit": "off", **options}  # queries are short: compiling one would take longer
    return {
        "host": login.host,
        "port": login.port,
        "dbname": login.database,
        "user": login.user,
        "password": login.password,
        "connect_timeout": 5,
        "options": " ".join(f"-c {name}={value}" for name, value in given.items()),
        **login.tls,
        "row_factory": dict_row,
    }


def _pool(settings: Settings, role: Role, size: int, *, read_only: bool) -> AsyncConnectionPool[Connection]:
    timeout = round(settings.api.statement_timeout / timedelta(milliseconds=1))
    return AsyncConnectionPool(
        kwargs={
            **login_options(settings, role, statement_timeout=timeout, default_transaction_read_only=read_only),
            "application_name": "tidemark api",
            "autocommit": True,
            # Planned anew with the values at hand, which tell what partitions and what filters can be left out.
            "prepare_threshold": None,
        },
        min_size=1,
        max_size=size,
        timeout=_WAIT,
        open=False,
        name=role,
    )
