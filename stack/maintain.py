"""`tidemark maintain`: partitions made ahead and dropped when old, old ones made compact, rollups computed; and the
upkeep of the lake.

Everything here can be done while jobs write and users read: a step waits for a table no longer than `_LOCK_MS`, since
whoever comes after it waits too, and is tried again; one that finds no room is left to the next run, and said. Two runs
at once take turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 calls its class so

from stack import database
from tidemark.errors import UserError
from tidemark.settings import Settings

Report = Callable[[str], None]

ROLLUPS = {"ticker_ohlc_hourly": "ticker_data", "sentiment_hourly": "sentiment_data"}  # and what they are made of

_LOCK = 7_443_212  # any number, the same for everybody who maintains a Tidemark database
_LAKE_LOCK = 7_443_213  # another, since rollups need not wait for the lake
_LOCK_MS = 2_000
_TRIES = 5
_PAUSE = 1.0  # seconds, in which those go on who waited behind us


@dataclass
class Run:
    """A run: its database, its moment, and what it has done. With ``dry`` it changes nothing."""

    settings: Settings
    server: Connection
    now: datetime
    dry: bool
    report: Report
    busy: list[str] = field(default_factory=list)  # tables of which something was left to the next run
    counts: dict[str, int] = field(default_factory=dict)

    def ask(
        self, query: str, names: Mapping[str, sql.Composable] | None = None, **values: Any
    ) -> list[tuple[Any, ...]]:
        """Run ``sql/postgres/maintain/<query>.sql`` in the open transaction, or in one of its own; return its rows."""
        with self.server.cursor() as cursor:
            cursor.execute(database.statement(f"maintain/{query}").format(**(names or {})), values)
            return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]

    def number(self, query: str, names: Mapping[str, sql.Composable] | None = None, **values: Any) -> int:
        """Return the one number that ``query`` gives, or how many rows it has changed."""
        return int(self.ask(query, names, **values)[0][0])

    def did(self, what: str, count: int) -> None:
        """Count what was done, for the summary."""
        self.counts[what] = self.counts.get(what, 0) + count

    def say(self, text: str) -> None:
        """Report what is done, or would be."""
        self.report(f"would: {text}" if self.dry else text)

    def change(
        self, query: str, names: Mapping[str, sql.Composable] | None = None, *, table: str, **values: Any
    ) -> int | None:
        """Run a statement that wants ``table`` for itself; return its number, or None where that was never free."""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE)
            with suppress(errors.LockNotAvailable, errors.DeadlockDetected):
                return self.number(query, names, table=table, **values)
        self.busy.append(table)
        self.report(f"{table} is in use: what could not be done is left to the next run")
        return None


def maintain(
    settings: Settings, report: Report = lambda text: None, *, dry_run: bool = False, now: datetime | None = None
) -> None:
    """Bring partitions, retention, compactness and rollups up to date; ``report`` gets a line for each thing done.

    What is old is judged by ``now``, the clock. Raises UserError where PostgreSQL does not answer or refuses.
    """
    with _run("maintain", _LOCK, settings, report, dry=dry_run, now=now) as run:
        policies = run.ask("policies", now=run.now, retention=settings.storage.retention)
        chunks = [table for table, _, kept, _, _ in policies if kept == "chunks"]
        if chunks:
            _tell_timescale(run, chunks)
        else:
            _rollups(run)
        for table, column, kept, period, old in policies:
            if kept == "partitions":
                _drop_old(run, table, column, old)
                _add_missing(run, table, column, period, old)
                _compact(run, table)
            elif kept == "rows":
                _delete_old(run, table, sql.Identifier("public", table), column, old)


def refresh_rollups(settings: Settings) -> None:
    """Compute the hours of the rollups that were written to since last time. Raises UserError as `maintain` does."""
    with _run("rollups", _LOCK, settings, lambda text: None) as run:
        _rollups(run)


def maintain_lake(settings: Settings, report: Report = lambda text: None, *, dry_run: bool = False) -> None:
    """Do the upkeep of the Iceberg tables (`iceberg.maintain`), in so far as there are any; it takes a Flink cluster.

    Raises UserError where PostgreSQL, Flink or the place of the files does not do its part.
    """
    if not settings.lake.enabled:
        report("The lake is turned off (lake.enabled): no upkeep of it")
        return
    with _run("lake", _LAKE_LOCK, settings, report, dry=dry_run) as run:
        if not run.number("lake_tables"):
            report("The lake is empty: no upkeep of it. The job lake fills it")
            return
        # Loaded late, because they take Java along.
        from flink_jobs import cluster, iceberg

        if not dry_run:
            cluster.Rest(settings).get("/overview")  # says it better than Flink's client where nothing answers
        for done in iceberg.maintain(settings, cluster.client_options(settings), run.say, dry_run=dry_run):
            run.did("files fewer", done.before - done.after)
            run.did("older states given up", done.states)
            run.did("orphans deleted", done.orphans)


@contextmanager
def _run(
    task: str, lock: int, settings: Settings, report: Report, *, dry: bool = False, now: datetime | None = None
) -> Iterator[Run]:
    """Hold the lock of a task and note how the run ended."""
    try:
        server = database.connect(settings, "migrator")
    except psycopg2.OperationalError:
        raise UserError("PostgreSQL does not answer.", "Start the local stack with `tidemark up`.") from None
    start = time.monotonic()
    try:
        server.autocommit = True
        run = Run(settings, server, now or datetime.now(timezone.utc), dry, report)
        if not run.ask("lock", lock=lock)[0][0]:
            report("Another maintenance is at work; waiting for it")
            run.ask("lock_waiting", lock=lock)
        run.ask("lock_timeout", milliseconds=str(_LOCK_MS))
        result, failed = "", True
        try:
            yield run
            result, failed = _summary(run), bool(run.busy)
        except (psycopg2.Error, UserError) as error:
            result = str(error).strip().splitlines()[0].rstrip(".")
            raise
        finally:
            if not dry and not server.closed:
                seconds = round(time.monotonic() - start, 3)
                run.ask("note_run", task=task, seconds=seconds, failed=failed, result=result)
    except psycopg2.errors.UndefinedTable:
        raise UserError("The tables of PostgreSQL are not up to date.", "Run `tidemark migrate`.") from None
    except psycopg2.Error as error:
        raise UserError(f"Maintenance failed: {str(error).strip().splitlines()[0]}.", "It can be run again.") from error
    finally:
        server.close()


def _tell_timescale(run: Run, tables: list[str]) -> None:
    """Give the settings to the jobs of TimescaleDB, which then do what is done here where it is absent."""
    storage = run.settings.storage
    if not run.dry:
        run.ask(
            "set_chunk_policies",
            retention=storage.retention,
            compact_after=storage.compact_after,
            refresh=storage.rollup_interval,
        )
    run.did("tables left to TimescaleDB", len(tables))


def _summary(run: Run) -> str:
    done = [f"{count:,} {what}" for what, count in run.counts.items() if count]
    left = [f"in use, left to the next run: {', '.join(dict.fromkeys(run.busy))}"] if run.busy else []
    return "; ".join([", ".join(done) or "nothing to do", *left])


def _rollups(run: Run) -> None:
    for rollup, table in ROLLUPS.items():
        hours = run.number("touched_hours", table=table) if run.dry else _compute(run, rollup, table)
        if hours:
            run.say(f"{rollup}: compute {hours:,} hours that were written to")
            run.did("hours computed", hours)


def _compute(run: Run, rollup: str, table: str) -> int:
    """Compute the touched hours in one transaction, so that a reader sees each whole and none is forgotten."""
    run.server.autocommit = False
    try:
        with run.server:
            retention = run.settings.storage.retention
            hours = [hour for (hour,) in run.ask("take_touched_hours", table=table, now=run.now, retention=retention)]
            for hour in hours:
                run.ask("clear_hour", {"rollup": sql.Identifier("public", rollup)}, hour=hour)
                run.ask(f"rollups/{rollup}", hour=hour)
    finally:
        run.server.autocommit = True
    return len(hours)


def _partition(name: str) -> sql.Identifier:
    return sql.Identifier("storage", name)


def _drop_old(run: Run, table: str, column: str, old: datetime) -> None:
    for (name,) in run.ask("old_partitions", table=table, old=old):
        run.say(f"{table}: drop the partition {name}, which ended before {old:%Y-%m-%d}")
        if not run.dry and run.change("drop_partition", {"partition": _partition(name)}, table=table) is None:
            return
        run.did("partitions dropped", 1)
    _delete_old(run, table, _partition(f"{table}_default"), column, old)


def _delete_old(run: Run, table: str, place: sql.Identifier, column: str, old: datetime) -> None:
    names = {"table": place, "time": sql.Identifier(column)}
    count = run.number("old_rows" if run.dry else "delete_old_rows", names, old=old)
    if count:
        run.say(f"{table}: delete {count:,} rows from before {old:%Y-%m-%d}")
        run.did("rows deleted", count)
    if not run.dry:
        run.ask("note_kept_from", table=table, old=old)


def _add_missing(run: Run, table: str, column: str, period: str, old: datetime) -> None:
    names = {"default": _partition(f"{table}_default"), "time": sql.Identifier(column)}
    values = {"table": table, "period": period, "old": old, "now": run.now, "ahead": run.settings.storage.ahead}
    made = moved = 0
    for begins, held in run.ask("missing_partitions", names, **values):
        rows = held if run.dry else run.change("add_partition", table=table, begins=begins)
        if rows is None:
            break
        made, moved = made + 1, moved + rows
    if made:
        also = f", and move {moved:,} rows into them" if moved else ""
        run.say(f"{table}: make {made:,} partitions of a {period}{also}")
        run.did("partitions made", made)
        run.did("rows moved", moved)


def _compact(run: Run, table: str) -> None:
    before = run.now - run.settings.storage.compact_after
    for name, index in run.ask("loose_partitions", table=table, before=before):
        run.say(f"{table}: make the partition {name} compact")
        names = {"partition": _partition(name), "index": sql.Identifier(index)}
        if not run.dry:
            if run.change("cluster", names, table=table) is None:
                return
            run.ask("vacuum", names)
        run.did("partitions made compact", 1)
