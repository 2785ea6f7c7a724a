"""`up` and `down`, and what `up` puts right after something was killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from flink_jobs import cluster
from stack import config, local
from stack.config import MARK, Layout
from tests import lake
from tests.stack.conftest import TIDEMARK, run
from tests.stack.test_bad_input import _trade
from tests.world import World, wait_for
from tidemark.settings import Settings

pytestmark = pytest.mark.stack


def _parts(settings: Settings) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in local.part_states(settings)}


def _processes(settings: Settings) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it ended meanwhile
            if process.environ().get(MARK) == str(settings.data_dir):
                found.append(process)
    return found


def test_up_twice_is_harmless(world: World) -> None:
    before = _parts(world.settings)
    local.up(world.settings)
    assert _parts(world.settings) == before


def test_whatever_is_killed_comes_back_with_its_data_and_the_jobs_go_on(
    case: Callable[..., World], tmp_path: Path
) -> None:
    world = case(lake={"enabled": True, "warehouse": str(tmp_path), "checkpoint_interval": "300ms"})
    settings = world.settings
    try:
        cluster.submit(settings, ["ingest", "lake"], lambda text: None)
        world.put("trades", [*map(_trade, range(40)), b"rubbish"])
        wait_for(lambda: len(world.rows("trade_data")) == 40, "the first trades", 90)
        cluster.checkpoint(settings, "ingest")
        cluster.checkpoint(settings, "lake")
        for part in _parts(settings).values():
            os.kill(part["pid"], signal.SIGKILL)
        supervisor = psutil.Process(int((settings.data_dir / "supervisord.pid").read_text()))
        supervisor.kill()
        supervisor.wait(30)
        local.up(settings)
        assert {part["state"] for part in _parts(settings).values()} == {"up"}
        world.put("trades", map(_trade, range(40, 60)))
        wait_for(lambda: len(world.rows("trade_data")) == 60, "the trades after the kill", 120)
        wait_for(lambda: len(world.topic("dead_letters")) == 1, "the dead letter, once", 60)
        wait_for(lambda: len(lake.rows(world, "raw.trades")) >= 60, "the trades in the lake", 60, every=0.5)
        cluster.checkpoint(settings, "lake")
        cluster.checkpoint(settings, "lake")  # by now the one before is committed
        places = lake.rows(world, "raw.trades", "kafka_partition, kafka_offset")
        assert len(places) == len(set(places)) == 60
    finally:
        cluster.forget(settings)


def test_down_leaves_no_process_and_loses_nothing(world: World) -> None:
    settings = world.settings
    world.put("trades", map(_trade, range(7)))
    cluster.submit(settings, ["ingest"], lambda text: None)
    try:
        wait_for(lambda: len(world.rows("trade_data")) == 7, "the trades", 90)
        assert run(world, "down").returncode == 0
        assert _processes(settings) == []
        assert not Layout(settings.data_dir).socket.exists()
        down = run(world, "status", "--json")
        assert (down.returncode, down.stdout.count('"down"')) == (0, len(config.parts(settings)))
    finally:
        local.up(settings)  # the other tests need it; it also brings the job back
    try:
        assert len(world.rows("trade_data")) == 7
        world.put("trades", map(_trade, range(7, 9)))
        wait_for(lambda: len(world.rows("trade_data")) == 9, "the job to go on", 120)
    finally:
        cluster.forget(settings)


def test_a_port_that_was_asked_for_and_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = {"TIDEMARK_DATA_DIR": str(tmp_path), "TIDEMARK_KAFKA__PORT": str(port)}
        done = subprocess.run(
            [TIDEMARK, "up"], env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
