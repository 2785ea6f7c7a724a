"""What was sent and what is still to be, in PostgreSQL; see sql/postgres/024_notifications.sql."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Any, TypeVar

import orjson
import psycopg
import structlog
import tenacity
from psycopg.rows import DictRow
from psycopg_pool import ConnectionPool

from serving.database import login_options, statement
from serving.notify.channels import Outcome
from serving.notify.rules import Alert
from tidemark.errors import UserError
from tidemark.settings import Settings

log = structlog.get_logger(__name__)

ResultT = TypeVar("ResultT")

_WAIT = 5.0  # seconds for a connection
_MOST = 1_000  # notifications that are looked at together


@dataclass(frozen=True)
class Waiting:
    """A notification that is to be sent."""

    rule: str
    alert_id: str
    alert: Alert
    is_urgent: bool


class Stopped(Exception):  # noqa: N818 - not an error
    """PostgreSQL was away, and now it is time to end."""


class Store:
    """Connections to it. While PostgreSQL is away whoever calls waits for it, until ``stop`` is set: then Stopped."""

    def __init__(self, settings: Settings, stop: Event) -> None:
        """Raises UserError where PostgreSQL is away now, or has not the table."""
        self._pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(
            kwargs={**login_options(settings, "api"), "application_name": "tidemark notify"},
            min_size=1,
            max_size=4,
            timeout=_WAIT,
            open=True,
        )
        self._again: Callable[..., Any] = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(psycopg.OperationalError),
            wait=tenacity.wait_exponential(multiplier=0.5, max=30) + tenacity.wait_random(0, 1),
            stop=tenacity.stop_when_event_set(stop),
            sleep=tenacity.sleep_using_event(stop),
            before_sleep=lambda state: log.warning("PostgreSQL does not answer", tries=state.attempt_number),
        )
        try:
            self._run("waiting", channel="", rows=1)
        except psycopg.OperationalError:
            self.close()
            raise UserError("PostgreSQL does not answer.", "Start the local stack with `tidemark up`.") from None
        except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName):
            self.close()
            raise UserError(
                "The database has not what notifications need.", "`tidemark migrate` brings it up to date."
            ) from None

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.close()

    def note(self, found: Iterable[tuple[str, str, Alert, bool]]) -> None:
        """Note notifications (rule, channel, alert, is urgent), each once for ever, all of them or none."""
        rows = [
            {
                "rule": rule,
                "channel": channel,
                "alert_id": alert["alert_id"],
                "alert": orjson.dumps(alert).decode(),
                "is_urgent": is_urgent,
            }
            for rule, channel, alert, is_urgent in found
        ]

        def work() -> None:
            with self._pool.connection() as connection, connection.cursor() as cursor:
                cursor.executemany(statement("notify/note"), rows)

        self._patiently(work)

    def waiting(self, channel: str) -> list[Waiting]:
        """Return what is to be sent to a channel, the oldest first."""
        return [Waiting(**row) for row in self._ask("waiting", channel=channel, rows=_MOST)]

    def begin(self, channel: str, wanted: Sequence[Waiting], message_id: str) -> list[Waiting]:
        """Note that ``wanted`` are being sent; return those that are ours to send."""
        keys = {"rules": [one.rule for one in wanted], "alert_ids": [one.alert_id for one in wanted]}
        rows = self._ask("begin", channel=channel, message_id=message_id, **keys)
        ours = {(row["rule"], row["alert_id"]) for row in rows}
        return [one for one in wanted if (one.rule, one.alert_id) in ours]

    def finish(self, message_id: str, outcome: Outcome) -> None:
        """Note how it ended: what failed waits again."""
        self._ask("finish", message_id=message_id, state="waiting" if outcome == "failed" else outcome)

    def give_up(self, message_id: str) -> None:
        """Note that what was in a message will not be sent."""
        self._ask("give_up", message_id=message_id)

    def sent_since(self, channel: str, period: timedelta) -> int:
        """Return how many messages a channel has had within ``period``."""
        (row,) = self._ask("sent_since", channel=channel, period=period)
        count: int = row["messages"]
        return count

    def interrupted(self) -> int:
        """Return how many notifications were being sent when an earlier process was ended; they are not sent again."""
        return len(self._ask("interrupted"))

    def forget(self, age: timedelta) -> None:
        """Delete what was noted longer ago than ``age``."""
        self._ask("forget", age=age)

    def _ask(self, query: str, **values: Any) -> list[dict[str, Any]]:
        return self._patiently(lambda: self._run(query, **values))

    def _run(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with self._pool.connection() as connection:
            cursor = connection.execute(statement(f"notify/{query}"), values)
            return cursor.fetchall() if cursor.description else []

    def _patiently(self, work: Callable[[], ResultT]) -> ResultT:
        try:
            result: ResultT = self._again(work)
        except tenacity.RetryError:
            raise Stopped from None
        return result
