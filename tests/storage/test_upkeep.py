"""The part `maintenance` of the local stack: what is due, and what is known of it afterwards."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from stack import local, maintain, upkeep
from stack.config import Layout
from tests.storage.conftest import Database
from tests.world import wait_for
from tidemark.errors import UserError
from tidemark.paths import ROOT
from tidemark.settings import Lake, load

Tables = Callable[..., Database]


def runs(made: Database) -> dict[str, dict[str, Any]]:
    return {run["task"]: run for run in upkeep.last_runs(made.settings)}


def test_it_maintains_what_was_never_maintained_goes_on_and_ends_when_told(tables: Tables) -> None:
    made = tables(storage={"rollup_interval": "100ms"})
    upkeep.write(made.settings)
    command = [sys.executable, "-m", "stack.upkeep", str(Layout(made.settings.data_dir).maintenance)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            first = wait_for(lambda: runs(made).get("maintain"), "the first maintenance", 60)
            assert (first["failed"], "partitions made" in first["result"]) == (False, True)
            made.run(
                "INSERT INTO ticker_data (source, symbol, pair, last, event_time, ingest_time)"
                " VALUES ('test', 'BTC', 'BTC/USD', 1, now(), now())",
                role="writer",
            )
            wait_for(lambda: made.run("SELECT 1 FROM ticker_ohlc_hourly"), "the rollup", 60)
            assert runs(made)["maintain"] == first
        finally:
            process.terminate()
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_a_run_that_was_missed_or_failed_is_made_good(tables: Tables) -> None:
    made = tables(storage={"schedule": "1h"})
    note = "INSERT INTO storage.last_runs VALUES ('maintain', now() - %s::interval, 1, %s, 'x')"
    for ago, failed, waits in (("10 min", False, True), ("2 h", False, False), ("10 min", True, False)):
        made.run("DELETE FROM storage.last_runs")
        made.run(note, ago, failed)
        first = upkeep._first(made.settings, "maintain", made.settings.storage.schedule)
        assert (first > datetime.now(timezone.utc)) is waits


def test_an_empty_lake_is_seen_to_without_flink_and_one_that_is_off_is_left_alone(tables: Tables) -> None:
    made = tables()
    said: list[str] = []
    maintain.maintain_lake(made.settings, said.append)
    assert (runs(made)["lake"]["failed"], runs(made)["lake"]["result"]) == (False, "nothing to do")
    made.run("DELETE FROM storage.last_runs")
    off = made.settings.model_copy(update={"lake": Lake(enabled=False)})
    maintain.maintain_lake(off, said.append)
    assert [line.partition(":")[0] for line in said] == ["The lake is empty", "The lake is turned off (lake.enabled)"]
    note = "INSERT INTO lake.iceberg_tables VALUES ('lake', 'raw', 'trades')"
    made.run(note, role="lake")
    with pytest.raises(UserError, match="No Flink cluster answers"):
        maintain.maintain_lake(made.settings, said.append)
    assert runs(made)["lake"]["failed"]


def test_health_tells_of_a_run_that_failed(tables: Tables) -> None:
    made = tables()
    note = "INSERT INTO storage.last_runs VALUES (%s, now(), 1, %s, 'in use: trade_data')"
    made.run(note, "maintain", True)
    made.run(note, "rollups", False)
    found = {finding.name: finding for finding in local.health(made.settings)}
    assert (found["task rollups"].state, found["task rollups"].advice) == ("done", "")
    assert found["task maintain"].advice.startswith("in use: trade_data. It is tried again by itself")


def test_its_settings_are_whole_and_readable_for_their_owner_only(tmp_path: Path) -> None:
    given = load(
        data_dir=tmp_path,
        postgres={
            "host": "db.example",
            "sslmode": "require",
            "migrator_password": "m",
            "lake_password": "l",
            "writer_password": "w",
        },
        storage={"retention": "10d", "schedule": "0 3 * * *"},
        lake={"warehouse": "s3://bucket/lake"},
        flink={"rest": "flink.example:8081"},
    )
    upkeep.write(given)
    path = Layout(given.data_dir).maintenance
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = load(**json.loads(path.read_text()))
    assert (found.data_dir, found.storage) == (given.data_dir, given.storage)
    assert (found.lake, found.flink) == (given.lake, given.flink)
    assert found.postgres == given.postgres.model_copy(update={"writer_password": None})
