from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from producers.health import Health
from stack import config
from tests.processes import run
from tidemark.paths import ROOT
from tidemark.settings import load

TIDEMARK = Path(sys.prefix) / "bin" / "tidemark"


def tidemark(data_dir: Path, *arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return run([TIDEMARK, *arguments], cwd, 60, TIDEMARK_DATA_DIR=str(data_dir), **environment)


def test_status_of_a_stack_that_was_never_started(tmp_path: Path) -> None:
    done = tidemark(tmp_path / "data", "status", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [part["name"] for part in found["parts"]] == config.parts(load(data_dir=tmp_path))
    assert all(part == part | {"state": "down", "pid": None, "address": None} for part in found["parts"])
    assert (found["jobs"], found["topics"], found["tables"]) == ([], {}, {})
    assert not (tmp_path / "data").exists()


def test_health_of_a_stack_that_is_down_says_what_to_do(tmp_path: Path) -> None:
    done = tidemark(tmp_path, "health")
    assert done.returncode == 1
    assert done.stdout.count("`tidemark up` starts it.") == len(config.parts(load(data_dir=tmp_path)))


def test_status_and_health_show_the_sources_that_ever_ran(tmp_path: Path) -> None:
    config = load(data_dir=tmp_path)
    well, away, rubbish, ended = (Health(name, config) for name in ("kraken", "binance", "rss:News", "fred:DFF"))
    well.delivered(3, 1)
    well.note(state="connected")
    for _ in range(5):
        away.failed(OSError("cannot connect to [nowhere]: " + "refused " * 20))
    away.note(breaker="OPEN")
    rubbish.note(state="stopped", rubbish=True, error="stopped: the last 100 frames were all bad")
    ended.note(state="stopped", last_run="2026-01-02T03:04:05.678+00:00")

    found = {one["name"]: one for one in json.loads(tidemark(tmp_path, "status", "--json").stdout)["sources"]}
    shown = tidemark(tmp_path, "status").stdout
    advised = tidemark(tmp_path, "health")

    assert sorted(found) == ["binance", "fred:DFF", "kraken", "rss:News"]
    assert found["kraken"] == {
        "name": "kraken",
        "state": "connected",
        "breaker": "CLOSED",
        "messages": 3,
        "dead_letters": 1,
        "failures": 0,
        "last_message": well.state.last_message,
        "last_run": None,
        "last_success": None,
        "next_run": None,
        "error": None,
    }
    assert (found["binance"]["breaker"], found["binance"]["failures"]) == ("OPEN", 5)
    lines = {line.split()[0]: line for line in shown.splitlines() if line}
    assert "failing" in lines["binance"]
    assert "OPEN" in lines["binance"]
    assert "cannot connect to [nowhere]" in lines["binance"]
    assert lines["binance"].rstrip().endswith("…")
    assert "01-02 03:04:05" in lines["fred:DFF"]
    assert advised.returncode == 1
    said = " ".join(advised.stdout.split())
    assert "Left alone for a while after 5 failures" in said
    assert "`tidemark produce rss` starts it again" in said
    assert "source kraken connected" in said
    assert "fred" not in said


def test_down_is_harmless_where_nothing_runs(tmp_path: Path) -> None:
    assert tidemark(tmp_path / "data", "down").returncode == 0


def test_a_wrong_setting_is_one_sentence_and_status_1(tmp_path: Path) -> None:
    done = tidemark(tmp_path, "status", TIDEMARK_KAFKA__PORT="many")
    assert done.returncode == 1
    assert "kafka.port" in done.stderr
    assert "Traceback" not in done.stderr


def test_psql_without_a_stack_says_what_is_missing(tmp_path: Path) -> None:
    done = tidemark(tmp_path, "psql", "-c", "SELECT 1")
    assert done.returncode == 1
    assert "No password for the PostgreSQL role tidemark_reader" in done.stderr
    assert "tidemark up" in done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from stack import cli; "
        "heavy = {'pyflink', 'nltk', 'textblob', 'kafka', 'psycopg2', 'pandas', 'py4j', 'requests'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
