"""Rules change what is worth an alert while the job runs, and history that is read again meets the rules of then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from stack import alert_rules
from tests.sql.inputs import START, trade
from tests.world import Row, World, wait_for

pytestmark = pytest.mark.stack

MINUTE = 60_000


def jumps(at: int, *symbols: str) -> list[Row]:
    """Return trades of coins that jump by 2 % at ``at``, and what ends the event and its window."""
    prices = ((0, 100.0), (1_000, 102.0), (2 * MINUTE, 102.0), (3 * MINUTE, 102.0))
    return [
        trade(f"{symbol}/USDT", f"{at + after}", at + after, price) for after, price in prices for symbol in symbols
    ]


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, timezone.utc).isoformat()


def found(world: World) -> list[tuple[str, float, float]]:
    """Return symbol, minute and threshold of the spikes that are over."""
    spikes = [alert for alert in world.topic("alerts") if alert["alert_type"] == "spike" and alert["ended_at"]]
    return sorted((one["symbol"], (one["event_time"] - START - 1_000) / MINUTE, one["threshold"]) for one in spikes)


def test_rules_hold_from_their_moment_on_without_a_restart(case: Callable[..., World]) -> None:
    quick = {"idle": "1s", "articles_idle": "1s", "trades": "1s"}
    world = case(kafka={"partitions": 1}, watermarks=quick, alerts={"rules_cache": "1ms", "slow_spike_pct": 50})

    def change(alert_type: str, symbol: str, threshold: float | None, minute: int) -> None:
        alert_rules.change(world.settings, alert_type, symbol, threshold, iso(START + minute * MINUTE))

    with world.running("alerts"):
        world.put("trades", jumps(START, "OWN", "ANY"))
        wait_for(lambda: len(found(world)) == 2, "the spikes of both", 120, every=0.5)
        change("spike", "OWN", 1.5, 5)
        change("spike", "*", 3.0, 5)
        world.put("trades", jumps(START + 10 * MINUTE, "OWN", "ANY"))
        wait_for(lambda: len(found(world)) == 3, "the spike of the coin with a rule of its own", 60, every=0.5)
        change("spike", "OWN", None, 15)
        change("spike", "*", 0.5, 25)
        world.put("trades", [*jumps(START + 20 * MINUTE, "OWN", "ANY"), *jumps(START + 30 * MINUTE, "OWN", "ANY")])
        wait_for(lambda: len(found(world)) == 5, "the spikes by the newest rule", 60, every=0.5)
    expected = [("ANY", 0, 1.0), ("ANY", 30, 0.5), ("OWN", 0, 1.0), ("OWN", 10, 1.5), ("OWN", 30, 0.5)]
    assert found(world) == expected
    stored = {row["alert_id"] for row in world.rows("alert_data")}
    world.run("alerts")  # anew, with all rules there from the beginning
    assert sorted(set(found(world))) == expected
    assert {row["alert_id"] for row in world.rows("alert_data")} == stored

    listed = [row for row in alert_rules.in_force(world.settings) if row["alert_type"] == "spike"]
    assert listed == [
        {"alert_type": "spike", "symbol": "*", "threshold": 1.0, "since": None},
        {"alert_type": "spike", "symbol": "*", "threshold": 0.5, "since": "2025-06-01T00:25:00+00:00"},
    ]
