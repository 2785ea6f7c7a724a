"""`tidemark jobs upgrade`: another SQL, and the state goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flink_jobs import cluster
from tests import lake
from tests.stack.conftest import run
from tests.stack.test_bad_input import _trade
from tests.world import World, wait_for

pytestmark = pytest.mark.stack

_STEP = 250  # milliseconds between two trades: 400 of them are 100 s


def _spread(number: int) -> dict[str, Any]:
    trade = _trade(number)
    return {**trade, "event_time": trade["event_time"] + number * (_STEP - 10)}


def _jobs(world: World) -> dict[str, str]:
    return {job["name"]: job["id"] for job in cluster.jobs(world.settings) if job["state"] == "RUNNING"}


def test_an_upgrade_keeps_the_state_that_has_a_place_and_refuses_to_lose_other(world: World) -> None:
    trades = [_spread(number) for number in range(800)]
    cluster.submit(world.settings, ["analytics"], lambda text: None)
    try:
        world.put("trades", trades[:300])  # 75 s: the first minute's candle is not yet out
        cluster.checkpoint(world.settings, "analytics")
        before = _jobs(world)

        refused = run(world, "jobs", "upgrade", "analytics", WINDOWS__SENTIMENT="5m")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("analytics has changed, and the state of ")
        assert "--drop-state" in refused.stderr
        assert _jobs(world) == before

        unchanged = run(world, "jobs", "upgrade", POSTGRES__FLUSH_ROWS="77")
        assert unchanged.returncode == 0, unchanged.stderr
        assert "analytics: stopped with a savepoint" in unchanged.stdout
        world.put("trades", trades[300:350])

        done = run(world, "jobs", "upgrade", "analytics", "--drop-state", WINDOWS__SENTIMENT="5m")
        assert done.returncode == 0, done.stderr
        assert _jobs(world).keys() == before.keys()
        assert _jobs(world) != before
        world.put("trades", trades[350:])

        counts = [160, 240, 240]  # the first trade comes 20 s into its minute
        minutes = wait_for(lambda: _candles(world)[2:] and _candles(world), "the candles", 90)
        assert [row["trade_count"] for row in minutes] == counts
        assert [row["volume"] for row in minutes] == [count * 0.5 for count in counts]
    finally:
        cluster.forget(world.settings)


def _candles(world: World) -> list[dict[str, Any]]:
    return sorted(
        (row for row in world.rows("candles") if row["resolution"] == "1m"), key=lambda row: row["window_start"]
    )


def test_the_lake_goes_on_though_its_sinks_do_not_find_their_state(case: Callable[..., World], tmp_path: Path) -> None:
    """Another parallelism gives Iceberg's operators other names; a savepoint has nothing of theirs that is needed."""
    world = case(lake={"enabled": True, "warehouse": str(tmp_path), "checkpoint_interval": "300ms"})
    cluster.submit(world.settings, ["lake"], lambda text: None)
    try:
        world.put("trades", map(_trade, range(40)))
        wait_for(lambda: len(_in_the_lake(world)) >= 40, "the first trades in the lake", 90, every=0.5)
        before = _jobs(world)

        done = run(world, "jobs", "upgrade", "lake", FLINK__PARALLELISM="2", LAKE__CHECKPOINT_INTERVAL="300ms")
        assert done.returncode == 0, done.stderr
        assert _jobs(world).keys() == before.keys()
        assert _jobs(world) != before

        world.put("trades", map(_trade, range(40, 60)))
        wait_for(lambda: len(_in_the_lake(world)) >= 60, "the trades after the upgrade in the lake", 90, every=0.5)
        cluster.checkpoint(world.settings, "lake")
        cluster.checkpoint(world.settings, "lake")  # by now the one before is committed
        assert len(_in_the_lake(world)) == len(set(_in_the_lake(world))) == 60
    finally:
        cluster.forget(world.settings)


def _in_the_lake(world: World) -> list[tuple[Any, ...]]:
    if not lake.files(world, "raw.trades"):
        return []
    return lake.rows(world, "raw.trades", "kafka_partition, kafka_offset")
