"""`tidemark api` as a process: keys, where it listens, what it says, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.processes import run
from tests.serving.conftest import Api
from tests.serving.market import NOW
from tests.serving.test_listings import API
from tests.world import wait_for
from tidemark.paths import ROOT

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is to be refused without a key
COMMAND = [sys.executable, "-m", "stack.cli", "api"]
Own = Callable[..., Api]


def environment(made: Api, **more: str) -> dict[str, str]:
    settings = made.database.settings
    return {
        "TIDEMARK_DATA_DIR": str(settings.data_dir),
        "TIDEMARK_POSTGRES__DATABASE": settings.postgres.database,
        **more,
    }


def tidemark(made: Api, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return run([*map(Path, COMMAND[:1]), *COMMAND[1:], *words], ROOT, 60, **environment(made, **more))


@contextmanager
def serving(made: Api, tmp_path: Path, *words: str, **more: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """Run `tidemark api`; give its address, and what it has said."""
    said = tmp_path / "said"
    with (
        said.open("w") as out,
        subprocess.Popen(
            [*COMMAND, *words], cwd=ROOT, env={**os.environ, **environment(made, **more)}, stdout=out, stderr=out
        ) as process,
    ):
        try:
            found = wait_for(lambda: re.search(r"dashboard is at (http://\S+),", said.read_text()), "the API", 60)

            def answers() -> bool:
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", int(found[1].rpartition(":")[2]))) == 0

            wait_for(answers, "the port", 30)
            yield found[1].replace(EVERYWHERE, "127.0.0.1"), said.read_text
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in (0, -signal.SIGTERM)
        finally:
            process.kill()


def test_keys_are_made_shown_once_listed_and_revoked(own: Own, tmp_path: Path) -> None:
    made = own()
    done = tidemark(made, "keys", "create", "desk [1]", "--scope", "write", "--expires", "90d")
    assert done.returncode == 0, done.stderr
    key = done.stdout.strip()
    assert re.fullmatch(r"tdm_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", key)
    key_id = key.split("_")[1]
    assert key not in done.stderr

    listed = tidemark(made, "keys", "list")
    assert key_id in listed.stdout
    assert "desk [1]" in listed.stdout
    assert "ends 20" in listed.stdout
    (one,) = json.loads(tidemark(made, "keys", "list", "--json").stdout)
    assert (one["key_id"], one["name"], one["scopes"], one["holds"]) == (key_id, "desk [1]", ["write"], True)
    assert key.split("_", 2)[2] not in listed.stdout + json.dumps(one)

    with serving(made, tmp_path) as (address, _):
        config = f"{address}{API}/config/crypto/"
        headers = {"Authorization": f"Bearer {key}"}

        def status() -> int:
            body = {"symbol": "SOL", "name": "Solana"}
            return requests.post(config, json=body, headers=headers, timeout=10).status_code

        assert status() == 201
        assert tidemark(made, "keys", "revoke", key_id).returncode == 0
        wait_for(lambda: status() == 401, "the key to be refused", 5)
    assert "revoked" in tidemark(made, "keys", "list").stdout
    again = tidemark(made, "keys", "revoke", key_id)
    assert (again.returncode, "no key" in again.stderr) == (1, True)
    actions = made.database.run("SELECT actor, action, detail FROM serving.audit_log ORDER BY id")
    assert actions[0] == ("cli", f"api keys create {key_id}", {"name": "desk [1]", "scope": "write"})
    assert ("cli", f"api keys revoke {key_id}", {}) in actions  # what was let in until it took effect may be after it


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["keys", "create", "x", "--scope", "everything"], "There is no scope 'everything'."),
        (["keys", "create", "", "--scope", "read"], "no name"),
        (["keys", "create", "x", "--expires", "soon"], "--expires: 'soon' is not a duration"),
        (["keys", "revoke", "nothing"], "There is no key 'nothing'"),
    ],
)
def test_what_is_no_key_is_said(own: Own, words: list[str], said: str) -> None:
    done = tidemark(own(), *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_it_listens_on_loopback_and_says_where(own: Own, tmp_path: Path) -> None:
    made = own()
    at = NOW.isoformat()
    made.database.run(f"INSERT INTO trade_data VALUES ('x', 'BTC', 'BTC/USDT', '1', 42, 1, 'buy', '{at}', '{at}')")
    with serving(made, tmp_path, TIDEMARK_LOG_LEVEL="debug") as (address, said):
        port = int(address.rpartition(":")[2])
        assert requests.get(f"{address}{API}/prix/btc/temps_reel/", timeout=10).json()["price_usd"] == 42
        assert requests.get(f"{address}/docs", timeout=10).status_code == 200
        # Kafka is really away here.
        assert requests.get(f"{address}/healthz", timeout=30).json()["kafka"] == "does not answer"
        listening = [tuple(one.laddr) for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
        assert [host for host, listens in listening if listens == port] == ["127.0.0.1"]
        requests.get(f"{address}{API}/macro/?periode=1h", headers={"X-API-Key": "hunter2"}, timeout=10)
        wait_for(lambda: '"path": "/api/v1/macro/"' in said(), "the line in the log", 10)
        log = said()
        assert "hunter2" not in log
        assert "periode" not in log


def test_elsewhere_it_demands_keys(own: Own, tmp_path: Path) -> None:
    made = own()
    refused = tidemark(made, "--host", EVERYWHERE)
    assert refused.returncode == 1
    assert "there is no key yet" in refused.stderr
    assert "tidemark api keys create" in refused.stderr
    key = tidemark(made, "keys", "create", "desk").stdout.strip()
    with serving(made, tmp_path, "--host", EVERYWHERE) as (address, _):
        assert requests.get(f"{address}{API}/macro/", timeout=10).status_code == 401
        headers = {"X-API-Key": key}
        assert requests.get(f"{address}{API}/macro/", headers=headers, timeout=10).status_code == 200
        assert requests.get(f"{address}/healthz/live", timeout=10).status_code == 200
    key_id = key.split("_")[1]
    assert tidemark(made, "keys", "revoke", key_id).returncode == 0
    assert tidemark(made, "--host", EVERYWHERE).returncode == 1  # a revoked one is none


def test_a_proxy_that_is_trusted_speaks_for_others(own: Own, tmp_path: Path) -> None:
    made = own()
    more = {"TIDEMARK_API__TRUSTED_PROXIES": '["127.0.0.1"]', "TIDEMARK_API__NAMES": '["desk.example.com"]'}
    with serving(made, tmp_path, **more) as (address, _):
        from_elsewhere = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Host": "desk.example.com"}
        answer = requests.get(f"{address}{API}/macro/", headers=from_elsewhere, timeout=10)
        assert answer.status_code == 401
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        key = {"X-API-Key": made.key("read")}
        assert requests.get(f"{address}{API}/macro/", headers={**from_elsewhere, **key}, timeout=10).status_code == 200
        assert requests.get(f"{address}{API}/macro/", timeout=10).status_code == 200


def test_what_stands_in_its_way_is_said(own: Own) -> None:
    made = own()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = tidemark(made, "--port", port)
        assert (done.returncode, f"Port {port} is taken" in done.stderr) == (1, True)
    made.database.run("DROP SCHEMA serving CASCADE")
    done = tidemark(made)
    assert (done.returncode, "tidemark migrate" in done.stderr) == (1, True)
    done = tidemark(made, TIDEMARK_POSTGRES__HOST="127.0.0.1", TIDEMARK_POSTGRES__PORT="1",
                    TIDEMARK_POSTGRES__API_PASSWORD="hunter2")  # fmt: skip
    assert (done.returncode, "PostgreSQL does not answer" in done.stderr) == (1, True)
    assert "hunter2" not in done.stderr + done.stdout
