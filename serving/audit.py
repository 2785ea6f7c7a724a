"""The log of writes: who changed what, and what was refused. Rows are only ever added."""

from __future__ import annotations

from typing import Any

import orjson
import psycopg
import structlog
from starlette.types import Scope

from serving.auth import address_of
from serving.database import Connection, Database, run

log = structlog.get_logger(__name__)


class Audit:
    """Notes writes in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def done(self, connection: Connection, scope: Scope, status: int, detail: dict[str, Any]) -> None:
        """Note a write in the very transaction that does it: there is none without the other."""
        await run(connection, "note_write", **_values(scope, status, detail))

    async def refused(self, scope: Scope, status: int) -> None:
        """Note a write that was refused. The caller has their answer already, so a failure here is only logged."""
        try:
            async with self._database.transaction() as connection:
                await run(connection, "note_write", **_values(scope, status, {}))
        except psycopg.Error as error:
            log.warning("a refused write could not be noted", status=status, error=type(error).__name__)


def _values(scope: Scope, status: int, detail: dict[str, Any]) -> dict[str, Any]:
    return {
        "actor": scope["state"]["caller"].name,
        "address": address_of(scope),
        "action": f"{scope['method']} {scope['path'][:200]}".replace("\0", "?"),  # which PostgreSQL does not take
        "status": status,
        "request_id": scope["state"].get("request_id"),
        "detail": orjson.dumps(detail).decode(),
    }
