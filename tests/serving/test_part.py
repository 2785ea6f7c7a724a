"""The API and what notifies as parts of the local stack, on one without Flink."""

from __future__ import annotations

import stat
from pathlib import Path

import psutil
import requests

from serving import part
from stack import local
from stack.config import Layout
from tests.serving.test_listings import API
from tests.world import wait_for
from tidemark import handover
from tidemark.settings import Settings, load

SECRET = "hunter2" * 5


def find(settings: Settings, name: str) -> dict[str, str | int | None]:
    return next(one for one in local.part_states(settings) if one["name"] == name)


def test_the_stack_runs_it_and_starts_it_again(tmp_path: Path) -> None:
    notify = {"channels": {"desk": f"json://{SECRET}@127.0.0.1:1/"}, "rules": [{"name": "all"}]}
    settings = load(
        data_dir=tmp_path / "data", flink={"rest": "127.0.0.1:1"}, api={"jwt_secret": SECRET}, notify=notify
    )
    said: list[str] = []
    try:
        local.up(settings, said.append, jobs=False)
        found = find(settings, "api")
        assert found["state"] == "up"
        address, pid = str(found["address"]), found["pid"]
        assert f"The API is up at {address}" in said
        assert requests.get(f"{address}{API}/macro/", timeout=30).json()["count"] == 0
        assert SECRET not in " ".join(psutil.Process(int(pid or 0)).cmdline())
        ready = f"{address}/healthz/ready"
        wait_for(lambda: requests.get(ready, timeout=30).json()["kafka"] == "ok", "it to follow Kafka", 60)
        assert "Alerts go to desk" in said
        wait_for(lambda: "alerts are followed" in local.log_file(settings, "notify").read_text(), "alerts", 60)
        assert not any(one.advice for one in local.health(settings) if one.name in ("api", "notify"))
        psutil.Process(int(pid or 0)).kill()
        wait_for(lambda: find(settings, "api")["pid"] not in (pid, None), "another process", 60)
        wait_for(lambda: find(settings, "api")["state"] == "up", "it to be up again", 60)
    finally:
        local.down(settings)
    assert find(settings, "api")["state"] == "down"
    for part_name in ("api", "notify"):
        log = local.log_file(settings, part_name).read_text()
        assert SECRET not in log
        assert "Traceback" not in log


def test_where_it_is_off_it_is_no_part(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path, api={"enabled": False})
    assert not {"api", "notify"} & {one["name"] for one in local.part_states(settings)}


def test_its_settings_come_over_whole_and_are_private(tmp_path: Path) -> None:
    given = load(
        data_dir=tmp_path,
        api={"jwt_secret": SECRET, "history_for": "7s", "rate_per_key": "5/minute", "redis": "redis://:pw@host:1/0"},
        live={"kept": 500},
        kafka={"bootstrap": "a:1", "security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "username": "u",
               "password": "p"},
        postgres={"host": "db", "reader_password": "r", "api_password": "a", "migrator_password": "m"},
        notify={"channels": {"desk": f"json://{SECRET}"}},
        newsapi={"api_key": "news"},
        coingecko={"schedule": "0 6 * * *"},
    )  # fmt: skip
    path = Layout(given.data_dir).api
    part.write(given, "api", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = handover.read(path)
    postgres = given.postgres.model_copy(update={"migrator_password": None})
    assert (found.api, found.live, found.kafka, found.postgres) == (given.api, given.live, given.kafka, postgres)
    assert found.coingecko == given.coingecko
    assert (found.notify.channels, found.newsapi.api_key) == ({}, None)
    part.write(given, "notify", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = handover.read(path)
    assert (found.notify, found.kafka) == (given.notify, given.kafka)
    assert found.postgres == postgres.model_copy(update={"reader_password": None})
    assert (found.api, found.newsapi.api_key) == (load().api, None)
