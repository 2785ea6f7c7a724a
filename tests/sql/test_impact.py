"""What news did, against plain Python from the same messages, and against what the simulator says it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sql import oracle
from tests.sql.conftest import Run
from tests.sql.inputs import START, article, trade
from tests.world import Row, World

pytestmark = pytest.mark.stack

KEY = ("article_id", "symbol", "source", "pair", "news_time", "horizon_seconds")
MINUTE = 60_000


def compare(found: list[Row], expected: list[Row]) -> None:
    """Compare two tables: numbers nearly, because logarithms and sums of doubles differ in their last digits."""
    rows, wanted = oracle.keyed(found, *KEY), oracle.keyed(expected, *KEY)
    assert rows.keys() == wanted.keys()
    for key, row in rows.items():
        assert row == {name: near(value) for name, value in wanted[key].items()}, key


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-7, abs=1e-7) if isinstance(value, float) else value


def test_the_impact_of_every_article_is_that_of_the_oracle(run: Run) -> None:
    found = run.world.rows("news_impact")
    compare(found, oracle.news_impact(run.input.sound["trades"], run.input.sound["articles"]))
    assert {None, "no baseline", "no trades before"} <= {row["missing"] for row in found}


def test_the_order_of_arrival_changes_no_digit(runs: Callable[[str], Run]) -> None:
    tidy, shuffled = (oracle.keyed(runs(kind).world.rows("news_impact"), *KEY) for kind in ("tidy", "shuffled"))
    assert tidy == shuffled


def test_the_impact_of_every_jump_has_its_sign(run: Run) -> None:
    rows = {
        (row["article_id"], row["pair"]): row
        for row in run.world.rows("news_impact")
        if row["source"] == "simulator" and row["horizon_seconds"] == 60
    }
    jumps = [jump for jump in run.input.jumps if abs(jump.pct) > 1]
    assert len(jumps) > 3
    for jump in jumps:
        row = rows[jump.article_id, jump.pair]
        assert row["return_after_pct"] == pytest.approx(jump.pct, abs=0.5)
        assert row["volume_ratio"] > 1
        if row["abnormal_score"] is not None:
            assert row["abnormal_score"] * jump.pct > 0
            assert abs(row["abnormal_score"]) > 5


@pytest.fixture(scope="module")
def sparse(case: Callable[..., World]) -> tuple[World, list[Row], list[Row]]:
    """Return a world in which markets are silent at times, with the trades and the articles that count."""
    world = case(
        kafka={"partitions": 1},
        impact={"min_returns": 5, "estimation": "20m", "horizons": ["1m", "2m"]},
    )
    busy = [trade("BTC/USDT", str(n), START + n * 3_000, 100 + n % 7, 0.5) for n in range(700)]
    gap = [row for row in busy if not 14 * MINUTE <= row["event_time"] - START < 17 * MINUTE]
    other = [trade("ETH/USDT", str(n), START + n * 40_000, 10.0 + n % 3) for n in range(30)]
    other += [trade("NEW/USDT", str(n), START + 12 * MINUTE + n * 1_000, 5.0 + n) for n in range(3)]
    flat = [trade("FLAT/USDT", str(n), START + n * 5_000, 1.0) for n in range(300)]
    trades = sorted([*gap, *other, *flat], key=lambda row: row["event_time"])
    minutes = (0, 1, 9, 12, 13, 14, 15, 16, 17, 18, 25)
    coins = ["BTC", "ETH", "NEW", "FLAT", "NONE"]
    articles = [article(f"n{n}", START + n * MINUTE + 29_000 + n, coins) for n in minutes]
    world.put("trades", trades)
    world.put("articles", [*articles, articles[-1], article("end", START + 40 * MINUTE, [])])
    world.run("enrich")
    return world, trades, articles


def test_what_is_missing_is_said(sparse: tuple[World, list[Row], list[Row]]) -> None:
    world, trades, articles = sparse
    found = world.rows("news_impact")
    expected = oracle.news_impact(trades, articles, horizons=(60, 120), estimation=20, min_returns=5)
    compare(found, expected)
    reasons = {"gap", "no baseline", "no trades after", "no trades before", "no price before"}
    assert {row["missing"] for row in found} == {None, *reasons}
    assert {row["symbol"] for row in found} == {"BTC", "ETH", "NEW", "FLAT"}
    assert all(row["abnormal_score"] is None for row in found if row["symbol"] == "FLAT")
