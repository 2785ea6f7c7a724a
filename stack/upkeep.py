"""`python -m stack.upkeep FILE`: the local stack's part `maintenance`.

It does `tidemark maintain` when that is due, and computes the hourly rollups in between. FILE holds the settings that
`tidemark up` was called with.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from typing import Any

import psycopg2
import structlog
from pydantic import SecretStr

from producers.runloop import stop_on_signals
from stack import database
from stack.config import Layout
from stack.maintain import maintain, refresh_rollups
from tidemark import logs
from tidemark.errors import UserError
from tidemark.files import write_private
from tidemark.settings import Settings, load

log = structlog.get_logger(__name__)

_AFTER_FAILURE = timedelta(minutes=10)  # it is tried again by then, however long the schedule would wait


def write(settings: Settings) -> None:
    """Write them, readable for their owner only: the password of the role migrator may be among them."""
    path = Layout(settings.data_dir).maintenance
    wanted = {"data_dir", "log_level", "postgres", "storage"}
    kept: dict[str, Any] = json.loads(settings.model_dump_json(include=wanted))
    kept["postgres"] |= dict.fromkeys((name for name in kept["postgres"] if name.endswith("_password")), None)
    if isinstance(secret := settings.postgres.migrator_password, SecretStr):
        kept["postgres"]["migrator_password"] = secret.get_secret_value()
    write_private(path, json.dumps(kept))


def last_runs(settings: Settings) -> list[dict[str, Any]]:
    """Return task, ended_at (ISO 8601), seconds, failed and result of the last run of each task; none where that cannot
    be asked, since PostgreSQL is down or has no tables yet.
    """
    try:
        found = database.fetch(settings, "last_runs")
    except (psycopg2.Error, UserError):
        return []
    return [{**row, "ended_at": row["ended_at"].astimezone(timezone.utc).isoformat()} for row in found]


def serve(settings: Settings, stop: Event) -> None:
    """Maintain the database until ``stop`` is set. A failure is logged, and made good later."""
    due = _first(settings)
    while not stop.is_set():
        if due <= datetime.now(timezone.utc):
            due = _maintain(settings)
        else:
            try:
                refresh_rollups(settings)
            except UserError as error:
                log.error("rollups_failed", reason=str(error))  # noqa: TRY400 - no fault of ours
        wait = min(settings.storage.rollup_interval, max(due - datetime.now(timezone.utc), timedelta(0)))
        stop.wait(wait.total_seconds())


def _first(settings: Settings) -> datetime:
    """Return when it is due at first: at once where a run was missed, or the last one failed."""
    for run in last_runs(settings):
        if run["task"] == "maintain" and not run["failed"]:
            return settings.storage.schedule.after(datetime.fromisoformat(run["ended_at"]))
    return datetime.now(timezone.utc)


def _maintain(settings: Settings) -> datetime:
    """Maintain the database once; return when to do so next."""
    failed = True
    try:
        maintain(settings, lambda text: log.info("maintain", did=text))
        failed = any(run["failed"] for run in last_runs(settings) if run["task"] == "maintain")
    except UserError as error:
        log.error("maintain_failed", reason=str(error))  # noqa: TRY400 - no fault of ours
    present = datetime.now(timezone.utc)
    regular = settings.storage.schedule.after(present)
    return min(regular, present + _AFTER_FAILURE) if failed else regular


def main() -> None:
    """Serve until a signal."""
    settings = load(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    logs.configure(settings)
    serve(settings, stop_on_signals())


if __name__ == "__main__":
    main()
