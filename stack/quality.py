"""`tidemark quality`: how good the feeds are; and `tidemark backfill gaps`, which fetches what is missing."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tidemark.durations import format_duration, parse_duration
from tidemark.errors import UserError
from tidemark.settings import Settings, settings

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)

_SHOWN = 20  # gaps
_COUNTS = ("seen", "valid", "rejected", "duplicate", "late", "gap")


def quality(
    since: Annotated[str, typer.Option(help="How far back, such as 1h or 7d.")] = "24h",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    no_account: Annotated[bool, typer.Option("--no-account", help="Leave out the account of every message.")] = False,
) -> None:
    """Show how good the feeds are: counts, delays, what is missing, and the account of every message."""
    try:
        length = parse_duration(since)
    except ValueError as error:
        raise UserError(f"--since: {error}.") from None
    config = settings()
    found = summary(config, length)
    if not no_account:
        from flink_jobs.account import conservation

        found["account"] = [asdict(one) for one in conservation(config)]
    if as_json:
        typer.echo(json.dumps(found, indent=2, default=_text))
    else:
        _show(found, length)


def summary(config: Settings, length: timedelta) -> dict[str, list[dict[str, Any]]]:
    """Return ``feeds`` (counts and delays in ms of the last ``length``) and ``gaps`` (those that are open)."""
    return {
        "feeds": _fetch(config, "feed_quality", since=datetime.now(timezone.utc) - length),
        "gaps": _fetch(config, "open_gaps", source=None),
    }


def _fetch(config: Settings, query: str, **values: Any) -> list[dict[str, Any]]:
    import psycopg2

    from stack import database

    try:
        return database.fetch(config, query, **values)
    except psycopg2.OperationalError:
        raise UserError("PostgreSQL does not answer.", "Start the local stack with `tidemark up`.") from None


def backfill_gaps(
    source: Annotated[str, typer.Option(help="Of which source.")] = "binance",
) -> None:
    """Fetch the trades that feed_gaps says are missing, and send them marked as a backfill."""
    from producers import runloop, sources
    from producers.health import Health
    from producers.missed import Backfill, Gap
    from producers.sink import KafkaSink, SendError
    from producers.source import StreamSource
    from tidemark import logs

    config = settings()
    logs.configure(config)
    fetch = {
        one.name: one.fetch_missed
        for name in sources.STREAMS
        for one in sources.make(name, config)
        if isinstance(one, StreamSource) and one.fetch_missed is not None
    }
    if source not in fetch:
        raise UserError(f"{source} does not give trades by their ids.", f"These do: {', '.join(fetch)}.")
    gaps = _fetch(config, "open_gaps", source=source)
    stop = runloop.stop_on_signals()
    sink = KafkaSink(config)
    worker = Backfill(fetch[source], sink, stop, Health(source, config, keep=False), config.producers)
    count = left = 0
    for gap in gaps:
        fetched = worker.fetch(Gap(gap["pair"], gap["first_id"], gap["last_id"]), gap["first_id"])
        count += fetched.trades
        left += fetched.left is not None
    try:
        sink.close()
    except SendError as error:
        raise UserError(f"{error}.", "Look at `tidemark status` and `tidemark logs kafka`.") from None
    missing = sum(gap["missing"] for gap in gaps)
    console.print(f"{len(gaps)} open gaps of {missing:,} trades; {count:,} trades fetched and sent")
    if left:
        raise UserError(f"{left} of these gaps could not be fetched to their end.", "Try again later.")


def _show(found: dict[str, list[dict[str, Any]]], length: timedelta) -> None:
    table = _table(f"Feeds, last {format_duration(length)}", "topic", "source")
    for name in (*_COUNTS, "delay p50", "delay p99"):
        table.add_column(name, justify="right")
    for row in found["feeds"]:
        delays = ("–" if row[name] is None else f"{row[name]:,.0f} ms" for name in ("delay_p50", "delay_p99"))
        table.add_row(
            escape(row["topic"]), row["source"] or "(unknown)", *(f"{row[name]:,}" for name in _COUNTS), *delays
        )
    console.print(table if found["feeds"] else "Nothing came in that time (is the job quality running?).")
    gaps = found["gaps"]
    if gaps:
        table = _table(f"Open gaps: {len(gaps)}", "source", "pair", "from id", "to id", "missing", "from", "to")
        for gap in gaps[:_SHOWN]:
            times = (f"{gap[name]:%Y-%m-%d %H:%M:%S}" for name in ("from_time", "to_time"))
            numbers = (str(gap["first_id"]), str(gap["last_id"]), f"{gap['missing']:,}")
            table.add_row(gap["source"], gap["pair"], *numbers, *times)
        console.print(table)
        if len(gaps) > _SHOWN:
            console.print(f"… and {len(gaps) - _SHOWN} more")
    else:
        console.print("No open gaps.")
    if "account" in found:
        table = _table("Every message", "topic")
        names = ("produced", "stored", "dead_lettered", "duplicates", "missing")
        for name in names:
            table.add_column(name.replace("_", "-"), justify="right")
        for row in found["account"]:
            table.add_row(row["topic"], *(f"{row[name]:,}" for name in names))
        console.print(table)


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
