"""A clean slate for the demo, without ever losing what is not the demo's own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from flink_jobs import cluster, iceberg
from producers import health
from stack import database, local, topics
from tidemark.settings import Settings

Report = Callable[[str], None]


def prepare(settings: Settings, report: Report) -> None:
    """Start the stack with empty topics and tables.

    What an earlier demo left is deleted. Anything else is kept: its whole data folder is moved aside, and ``report``
    says where to.
    """
    local.up(settings, report, jobs=False)
    held = topics.count(settings)
    if not any(held.values()) and not any(database.count(settings).values()):
        cluster.forget(settings)
        _forget_sources(settings)
    elif _read_mark(settings) == held:
        report("Deleting what the last demo left")
        cluster.forget(settings)
        topics.recreate(settings)
        database.empty(settings)
        _empty_lake(settings)
        _forget_sources(settings)
    else:
        aside = settings.data_dir.with_name(f"{settings.data_dir.name}-{datetime.now(timezone.utc):%Y%m%dT%H%M%S}")
        local.down(settings)
        settings.data_dir.rename(aside)
        report(f"The stack held data of yours: kept in {aside}")
        local.up(settings, report)


def _empty_lake(settings: Settings) -> None:
    if settings.lake.enabled:
        cluster.client_options(settings)  # which sets up Flink's client
        iceberg.clear(settings)


def _forget_sources(settings: Settings) -> None:
    """Have every source begin anew: else it would go on from where it was, and poll no sooner than it was to."""
    shutil.rmtree(health.folder(settings), ignore_errors=True)


def mark(settings: Settings) -> None:
    """Note that all the topics hold now is the demo's."""
    _mark(settings).write_text(json.dumps(topics.count(settings)) + "\n")


def _read_mark(settings: Settings) -> object:
    try:
        return json.loads(_mark(settings).read_text())
    except FileNotFoundError:
        return None


def _mark(settings: Settings) -> Path:
    return settings.data_dir / "demo.json"
