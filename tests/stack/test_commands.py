"""The commands as users type them, on the running stack."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from flink_jobs import cluster
from tests.stack.conftest import TIDEMARK, environment, run
from tests.stack.test_bad_input import _trade
from tests.world import World, wait_for
from tidemark.paths import FLINK_JOBS

pytestmark = pytest.mark.stack


def test_sql_over_the_topics_up_to_now(world: World) -> None:
    world.put("trades", [*map(_trade, range(123)), b"rubbish"])
    done = run(world, "sql", "-e", "SELECT COUNT(*) AS n, MAX(price) AS top FROM trades_valid;")
    assert done.returncode == 0, done.stderr
    assert [cell.strip() for cell in done.stdout.splitlines()[-3].strip("|").split("|")] == ["123", "30001.5"]


def test_sql_that_is_wrong_says_so_in_a_sentence(world: World) -> None:
    done = run(world, "sql", "-e", "SELECT nothing FROM trades")
    assert done.returncode == 1
    assert "Column 'nothing' not found" in done.stderr
    assert "\tat " not in done.stdout + done.stderr


def test_psql_reads_and_does_not_write(world: World) -> None:
    read = run(world, "psql", "-At", "-c", "SELECT count(*) FROM trade_data")
    assert (read.returncode, read.stdout.strip()) == (0, "0")
    write = run(world, "psql", "-c", "DELETE FROM trade_data")
    assert write.returncode != 0
    assert "permission denied" in write.stderr


def test_flink_run_by_hand(world: World, tmp_path: Path) -> None:
    command = [str(TIDEMARK), "flink", "run", "-d", "-py", str(FLINK_JOBS / "alerts.py")]
    done = subprocess.run(
        command, env=environment(world), cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        wait_for(lambda: _state(world, "alerts") == "RUNNING", "the alerts job to run", 60)
    finally:
        cluster.forget(world.settings)


def test_a_job_that_cannot_be_submitted_shows_its_own_error(world: World) -> None:
    done = run(world, "jobs", "submit", "alerts", WINDOWS__BAR="1500us")
    assert done.returncode == 1
    assert "windows.bar" in done.stderr
    assert "Traceback" not in done.stderr


def test_stopped_jobs_go_on_where_they_were(world: World) -> None:
    world.put("trades", map(_trade, range(50)))
    settings = world.settings
    try:
        cluster.submit(settings, ["ingest"], lambda text: None)
        wait_for(lambda: len(world.rows("trade_data")) == 50, "the first trades", 90)
        cluster.stop(settings, ["ingest"], lambda text: None)
        assert _state(world, "ingest") != "RUNNING"
        world.put("trades", [*map(_trade, range(50, 80)), b"rubbish"])
        cluster.submit(settings, ["ingest"], lambda text: None)
        wait_for(lambda: len(world.rows("trade_data")) == 80, "the others", 90)
        wait_for(lambda: len(world.topic("dead_letters")) == 1, "the dead letter", 60)
        # 31 messages, each read as JSON and as text, and none of the first 50.
        wait_for(lambda: _read_by(world, "ingest") == 62, "the count of messages read", 30)
    finally:
        cluster.forget(settings)


def test_status_tells_what_there_is(world: World) -> None:
    world.put("trades", map(_trade, range(5)))
    done = run(world, "status", "--json")
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert {part["name"]: part["state"] for part in status["parts"]} == dict.fromkeys(
        ("kafka", "postgres", "jobmanager", "taskmanager", "maintenance", "api"), "up"
    )
    assert all(part["pid"] for part in status["parts"])
    assert [part["name"] for part in status["parts"] if not part["address"]] == ["maintenance"]
    assert status["topics"][world.name("trades")] == 5
    assert status["tables"]["trade_data"] == 0


def _read_by(world: World, name: str) -> int:
    return int({job["name"]: job["records_in"] for job in cluster.jobs(world.settings)}[name])


def _state(world: World, name: str) -> str | None:
    return {job["name"]: job["state"] for job in cluster.jobs(world.settings)}.get(name)
