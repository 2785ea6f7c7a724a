"""A month of real 1-minute bars made into trades: its largest moves are all among the spikes."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from tests.captures import captures
from tests.sql.inputs import trade
from tests.world import Row, World

pytestmark = pytest.mark.stack

MINUTE = 60_000
LARGEST = 10
SPAN = 5  # minutes
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

Bar = tuple[int, float, float, float, float, float]  # start in epoch ms, open, high, low, close, volume


def month() -> list[Bar]:
    with gzip.open(captures() / "bars" / "btc_perp_1m_2022-01.csv.gz", "rt") as file:
        return [
            (
                (datetime.fromisoformat(row["timestamp"]).replace(tzinfo=timezone.utc) - _EPOCH)
                // timedelta(milliseconds=1),
                *(float(row[name]) for name in ("open", "high", "low", "close", "volume")),  # type: ignore[misc]
            )
            for row in csv.DictReader(file)
        ]


def trades(bars: list[Bar]) -> list[Row]:
    """Return four trades a minute whose bar is the one given; the extreme on the way to the close comes last."""
    found: list[Row] = []
    for start, opening, high, low, close, volume in bars:
        extremes = (low, high) if close >= opening else (high, low)
        for number, price in enumerate((opening, *extremes, close)):
            at = start + number * 15_000
            found.append(trade("BTC/USD", str(len(found)), at, price, max(volume, 4.0) / 4 / price, source="bars"))
    return found


def largest_moves(bars: list[Bar]) -> list[tuple[int, int, float]]:
    """Return start and end (epoch ms) and signed percent of the largest moves over 5 minutes, none inside another."""
    moves = sorted(
        (
            (first[0] + MINUTE, last[0] + MINUTE, 100 * (last[4] / first[4] - 1))
            for first, last in zip(bars, bars[SPAN:], strict=False)
        ),
        key=lambda move: -abs(move[2]),
    )
    found: list[tuple[int, int, float]] = []
    for move in moves:
        if all(abs(move[0] - other[0]) >= SPAN * MINUTE for other in found):
            found.append(move)
        if len(found) == LARGEST:
            break
    return found


def test_the_largest_moves_of_a_month_are_spikes(case: Callable[..., World]) -> None:
    bars = month()
    world = case(kafka={"partitions": 1})
    world.put("trades", trades(bars))
    world.run("alerts")
    spikes = []
    for alert in world.topic("alerts"):
        if alert["alert_type"] == "spike" and alert["ended_at"]:
            lasted = re.search(r"over (\d+) s$", alert["detail"])
            assert lasted
            spikes.append((alert["event_time"], alert["event_time"] + 1000 * int(lasted[1]), alert["change_pct"]))
    for start, end, pct in largest_moves(bars):
        mine = [spike for spike in spikes if spike[0] <= end and start <= spike[1] and spike[2] * pct > 0]
        assert mine, (start, pct)
    assert len(spikes) < len(bars) / 200  # and not everything is one
