"""All alerts against the oracle, and spikes against what the simulator says it did."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from producers import contract
from tests.sql import oracle
from tests.sql.conftest import Run
from tests.sql.inputs import LATE, MIDDLE, START
from tests.world import Row

pytestmark = pytest.mark.stack


def in_time(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["pair"] != LATE]


def test_alerts_are_those_of_the_oracle(run: Run) -> None:
    sound = run.input.sound
    expected = oracle.alerts({**sound, "trades": in_time(sound["trades"])})
    oracle.check_alerts(in_time(run.world.topic("alerts")), expected)


def test_topic_and_table_hold_the_same_alerts(run: Run) -> None:
    stored = oracle.keyed(run.world.rows("alert_data"), "alert_id")
    sent = oracle.keyed(oracle.newest(run.world.topic("alerts")), "alert_id")
    assert len(sent) > 10
    assert stored.keys() == sent.keys()
    for key, alert in sent.items():
        contract.check("alerts", {"alert_id": key[0], **alert})
        row = stored[key]
        assert (row["last_price"], row["change_percent"]) == (alert["price"], alert["change_pct"])
        for name in ("alert_type", "symbol", "pair", "threshold", "severity", "detail", "event_time", "ended_at"):
            assert row[name] == alert[name]


def test_spikes_are_the_jumps_that_the_simulator_made(run: Run) -> None:
    found = [
        alert
        for alert in oracle.newest(run.world.topic("alerts"))
        if alert["alert_type"] == "spike" and alert["detail"].split(" ")[2] == "simulator"
    ]
    jumps = [jump for jump in run.input.jumps if abs(jump.pct) >= 1]
    assert len(found) == len(jumps) > 3
    for jump in jumps:
        (spike,) = [
            alert
            for alert in found
            if alert["pair"] == jump.pair and jump.time_ms - 1_000 <= alert["event_time"] <= jump.end_ms + 1_000
        ]
        assert spike["change_pct"] * jump.pct > 0


def test_the_order_of_arrival_changes_no_alert(runs: Callable[[str], Run]) -> None:
    def alerts(kind: str) -> list[Row]:
        rows = [{**alert, "detected_at": None} for alert in runs(kind).world.topic("alerts")]
        return sorted(rows, key=lambda row: (row["alert_id"], row["ended_at"] or 0))

    assert alerts("tidy") == alerts("shuffled")


def test_the_edges_of_moves(runs: Callable[[str], Run]) -> None:
    found = {
        (alert["pair"], alert["event_time"]): alert
        for alert in oracle.newest(runs("tidy").world.topic("alerts"))
        if alert["alert_type"] == "spike"
    }

    def of(pair: str, start: int) -> list[tuple[int, float]]:
        return [
            (at - start, round(alert["change_pct"], 2)) for (name, at), alert in sorted(found.items()) if name == pair
        ]

    assert of("MOVE/USDT", MIDDLE) == [(1_000, 1.6), (3_000, -3.54)]
    assert of("LONG/USDT", START) == [(50_000, 1.21)]  # cut after 10 minutes, and not begun again
    assert of("OPEN/USDT", MIDDLE) == [(1_000, 20.0)]  # nothing came after it
    assert found["OPEN/USDT", MIDDLE + 1_000]["detail"] == "OPEN/USDT on byhand rose 20.00 % so far"
    assert found["MOVE/USDT", MIDDLE + 3_000]["detail"] == "MOVE/USDT on byhand fell 3.54 % at its peak, over 117 s"
