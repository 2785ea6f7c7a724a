"""`python -m stack.upkeep FILE`: the local stack's part `maintenance`.

It does `tidemark maintain` when that is due, and computes the hourly rollups in between. FILE holds the settings that
`tidemark up` was called with. `python -m stack.upkeep FILE lake` does the upkeep of the lake, once: in a process of its
own, because Java takes a few hundred MiB, which its end gives back.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from typing import Any

import psycopg2
import structlog

from producers.runloop import stop_on_signals
from stack import database
from stack.config import PYTHON, Layout
from stack.maintain import maintain, maintain_lake, refresh_rollups
from tidemark import handover, logs
from tidemark.errors import UserError
from tidemark.schedules import Cron, Every
from tidemark.settings import Settings

log = structlog.get_logger(__name__)

_WANTED = {"data_dir", "log_level", "postgres", "storage", "flink", "lake"}  # groups of settings
_FLINK_STARTS = timedelta(minutes=1)  # and the jobs go on
_AFTER_FAILURE = timedelta(minutes=10)  # it is tried again by then, however long the schedule would wait


def write(settings: Settings) -> None:
    """Write them, readable for their owner only: the passwords of the roles migrator and lake may be among them."""
    others: dict[str, Any] = dict.fromkeys(set(Settings.model_fields) - _WANTED, True)
    others["postgres"] = {"writer_password", "reader_password", "api_password"}
    handover.write(settings, Layout(settings.data_dir).maintenance, without=others)


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
    """Maintain the database, and the lake, until ``stop`` is set. A failure is logged, and made good later."""
    due = _first(settings, "maintain", settings.storage.schedule)
    lake = _Lake(settings)
    try:
        while not stop.is_set():
            if due <= datetime.now(timezone.utc):
                due = _maintain(settings)
            else:
                try:
                    refresh_rollups(settings)
                except UserError as error:
                    log.error("rollups_failed", reason=str(error))  # noqa: TRY400 - no fault of ours
            lake.step()
            wait = min(settings.storage.rollup_interval, max(due - datetime.now(timezone.utc), timedelta(0)))
            stop.wait(wait.total_seconds())
    finally:
        lake.end()


class _Lake:
    """The lake's upkeep: when it is due, and the process that does it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._due = _first(settings, "lake", settings.lake.schedule)
        if any(run["task"] == "lake" for run in last_runs(settings)):
            self._due = max(self._due, datetime.now(timezone.utc) + _FLINK_STARTS)
        # Else the stack is new, and the lake empty: to see that takes no Flink.

    def step(self) -> None:
        """Start it where it is due, and look after it; does not wait for it."""
        if self._process is not None:
            if (status := self._process.poll()) is not None:
                self._process = None
                self._due = _next(self._settings.lake.schedule, failed=status != 0)
        elif self._settings.lake.enabled and self._due <= datetime.now(timezone.utc):
            command = [PYTHON, "-m", "stack.upkeep", str(Layout(self._settings.data_dir).maintenance), "lake"]
            self._process = subprocess.Popen(command)

    def end(self) -> None:
        """End it. What it has committed holds, and nothing else was changed."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def _first(settings: Settings, task: str, schedule: Every | Cron) -> datetime:
    """Return when ``task`` is due at first: at once where a run was missed, or the last one failed."""
    for run in last_runs(settings):
        if run["task"] == task and not run["failed"]:
            return schedule.after(datetime.fromisoformat(run["ended_at"]))
    return datetime.now(timezone.utc)


def _maintain(settings: Settings) -> datetime:
    """Maintain the database once; return when to do so next."""
    failed = True
    try:
        maintain(settings, lambda text: log.info("maintain", did=text))
        failed = any(run["failed"] for run in last_runs(settings) if run["task"] == "maintain")
    except UserError as error:
        log.error("maintain_failed", reason=str(error))  # noqa: TRY400 - no fault of ours
    return _next(settings.storage.schedule, failed=failed)


def _maintain_lake(settings: Settings) -> None:
    try:
        maintain_lake(settings, lambda text: log.info("lake", did=text))
    except UserError as error:
        log.error("lake_failed", reason=str(error))  # noqa: TRY400 - no fault of ours
        sys.exit(1)


def _next(schedule: Every | Cron, *, failed: bool) -> datetime:
    present = datetime.now(timezone.utc)
    regular = schedule.after(present)
    return min(regular, present + _AFTER_FAILURE) if failed else regular


def main() -> None:
    """Serve until a signal, or do the upkeep of the lake and end."""
    settings = handover.read(Path(sys.argv[1]))
    logs.configure(settings)
    if sys.argv[2:] == ["lake"]:
        _maintain_lake(settings)
    else:
        serve(settings, stop_on_signals())


if __name__ == "__main__":
    main()
