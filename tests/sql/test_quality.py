"""The quality job against an account of every message, made in plain Python from the order of arrival."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from statistics import quantiles

import pytest

from tests.exchange.server import ExchangeServer
from tests.sql.inputs import MIDDLE, ticker, trade
from tests.sql.oracle import keyed
from tests.stack.conftest import run
from tests.world import Row, World, wait_for

pytestmark = pytest.mark.stack

DELAY = 10_000  # ms, the watermark's
MINUTE = 60_000
RUBBISH = b'{"source":"binance","price":"x"}'


@dataclass
class Feed:
    """What arrives, in order, on one partition."""

    trades: list[Row] = field(default_factory=list)
    tickers: list[Row] = field(default_factory=list)


def feed(seed: int) -> Feed:
    """Return five minutes of trades with missing ids, some of which come late, duplicates and disorder."""
    rng = Random(seed)
    arrivals: list[tuple[float, int, Row]] = []

    def arrive(at: float, row: Row) -> None:
        arrivals.append((at, len(arrivals), row))

    for source, pair, rate in (("binance", "BTC/USDT", 150), ("binance", "ETH/USDT", 700), ("kraken", "BTC/USD", 500)):
        number, at = 1_000, MIDDLE
        missing = 0
        while at < MIDDLE + 5 * MINUTE:
            number += 1
            at += rng.randrange(2 * rate)
            row = trade(pair, str(number), at, 10.0 + rng.random(), source=source, ingest_time=at + rng.randrange(500))
            if missing == 0 and rng.random() < 0.01:
                missing = rng.choice((1, 1, 2, 30))
                kept = rng.choice((0.0, 0.5, 1.0))  # share of the gap that comes after all
            if missing:
                missing -= 1
                if rng.random() >= kept:
                    continue
                arrive(at + rng.uniform(40_000, 90_000), {**row, "ingest_time": at + 40_000})
            else:
                arrive(at + rng.random() * 9_000, row)
            if rng.random() < 0.05:
                arrive(at + rng.random() * 9_000, row)
    arrive(MIDDLE + MINUTE, trade("BTC/USDT", "a7", MIDDLE + MINUTE, 1.0, source="binance"))  # of another count
    tickers = [
        ticker("BTC/USD", MIDDLE + n * 700, 5.0, source="kraken", ingest_time=MIDDLE + n * 701) for n in range(99)
    ]
    tickers.insert(90, ticker("BTC/USD", MIDDLE, 6.0, source="kraken"))
    return Feed([row for _, _, row in sorted(arrivals, key=lambda entry: entry[:2])], tickers)


@dataclass
class Arrived:
    """A message, and the watermark that it met (negative where there was none yet)."""

    row: Row
    watermark: int

    @property
    def late(self) -> bool:
        return int(self.row["event_time"]) <= self.watermark


def met(rows: list[Row]) -> list[Arrived]:
    newest, found = -1, []
    for row in rows:
        found.append(Arrived(row, newest - DELAY))
        newest = max(newest, row["event_time"])
    return found


def gaps(arrived: list[Arrived]) -> dict[tuple[str, str, int], tuple[int, int, str]]:
    """Return last id, how many have come since, and the state, by source, pair and first id."""
    seen: dict[str, set[int]] = defaultdict(set)
    after: dict[str, set[int]] = defaultdict(set)
    for one in arrived:
        row = one.row
        if row["source"] != "binance" or not row["trade_id"].isdecimal():
            continue
        closed = row["event_time"] // 1_000 * 1_000 + 999 <= one.watermark
        if not closed:
            seen[row["pair"]].add(int(row["trade_id"]))
        if one.late:
            after[row["pair"]].add(int(row["trade_id"]))
    found = {}
    for pair, ids in seen.items():
        known = sorted(ids)
        for before, behind in pairwise(known):
            if behind > before + 1:
                came = len([n for n in after[pair] if before < n < behind])
                state = "closed" if came == behind - before - 1 else "open"
                found["binance", pair, before + 1] = (behind - 1, came, state)
    return found


def percentile(values: list[int], share: float) -> float:
    return (
        float(values[0]) if len(values) == 1 else quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]
    )


@pytest.fixture(scope="module", params=[1, 2, 3])
def done(request: pytest.FixtureRequest, case: Callable[..., World]) -> tuple[World, Feed]:
    """Return a world in which the job has run over a feed with three rejected messages."""
    world = case(watermarks={"emit": "on-event"}, kafka={"partitions": 1})
    given = feed(request.param)
    world.put("trades", [*given.trades, RUBBISH, b"{", RUBBISH])
    world.put("tickers", given.tickers)
    world.run("ingest")
    world.run("quality")
    return world, given


def test_every_gap_is_found_and_closed_when_all_of_it_came(done: tuple[World, Feed]) -> None:
    world, given = done
    expected = gaps(met(given.trades))
    assert {state for _, _, state in expected.values()} == {"open", "closed"}
    found = keyed(world.rows("feed_gaps"), "source", "pair", "first_id")
    assert {key: (row["last_id"], row["found"], row["state"]) for key, row in found.items()} == expected
    for (_, _, first), row in found.items():
        assert row["missing"] == row["last_id"] - first + 1
        assert row["from_time"] <= row["to_time"]
        assert (row["closed_at"] is not None) == (row["state"] == "closed")


def test_the_time_of_a_gap_is_that_of_its_missing_trades(done: tuple[World, Feed]) -> None:
    world, given = done
    times = {(row["pair"], row["trade_id"]): row["event_time"] for row in given.trades}
    for row in world.rows("feed_gaps"):
        for number in range(row["first_id"], row["last_id"] + 1):
            at = times.get((row["pair"], str(number)))
            assert at is None or row["from_time"] <= at <= row["to_time"]


def test_late_messages_are_kept(done: tuple[World, Feed]) -> None:
    world, given = done
    late = [("trades", one) for one in met(given.trades) if one.late]
    late += [("tickers", one) for one in met(given.tickers) if one.late]
    assert {topic for topic, _ in late} == {"trades", "tickers"}
    found = keyed(world.rows("late_data"), "topic", "source", "item", "id", "event_time")
    assert found.keys() == {
        (topic, one.row["source"], one.row["pair"], one.row.get("trade_id", ""), one.row["event_time"])
        for topic, one in late
    }
    for (_, _, _, _, event_time), row in found.items():
        assert row["late_by_seconds"] == (row["watermark_time"] - event_time) // 1000


def test_the_account_of_every_minute(done: tuple[World, Feed]) -> None:
    world, given = done
    expected: dict[tuple[str, str, int], Counter[str]] = defaultdict(Counter)
    delays: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for topic, rows in (("trades", given.trades), ("tickers", given.tickers)):
        in_time = set()
        for one in met(rows):
            row = one.row
            key = (topic, row["source"], row["event_time"] // MINUTE * MINUTE)
            name = (row["pair"], row.get("trade_id"), row["event_time"])
            expected[key]["valid"] += 1
            expected[key]["late"] += one.late
            if not one.late:
                expected[key]["duplicate"] += name in in_time
                in_time.add(name)
                delays[key].append(row["ingest_time"] - row["event_time"])
    rows = world.rows("data_quality")
    rejected = [row for row in rows if row["rejected"]]
    assert sorted((row["source"], row["rejected"], row["seen"], row["valid"]) for row in rejected) == [
        ("", 1, 1, 0),
        ("binance", 2, 2, 0),
    ]
    found = keyed([row for row in rows if not row["rejected"]], "topic", "source", "minute_start")
    assert {key: (row["valid"], row["late"], row["duplicate"]) for key, row in found.items()} == {
        key: (counts["valid"], counts["late"], counts["duplicate"]) for key, counts in expected.items()
    }
    for key, row in found.items():
        values = delays.get(key)
        if values is None:
            assert row["delay_p50"] is None
            continue
        assert row["delay_p50"] == pytest.approx(percentile(values, 0.5))
        assert row["delay_p99"] == pytest.approx(percentile(values, 0.99))
    assert sum(row["gap"] for row in rows) == sum(
        last - first + 1 for (_, _, first), (last, _, _) in gaps(met(given.trades)).items()
    )


def test_open_gaps_are_fetched_and_closed(case: Callable[..., World]) -> None:
    history: list[Row] = [
        {"id": n, "price": "1", "qty": "1", "time": MIDDLE + n * 1000, "isBuyerMaker": True, "isBestMatch": True}
        for n in range(1, 300)
    ]
    with ExchangeServer(history={"BTCUSDT": [row for row in history if not 50 <= row["id"] <= 51]}) as server:
        world = case(kafka={"partitions": 1})
        seen = [n for n in range(1, 200) if n not in (50, 51, *range(100, 120))]
        rows = [trade("BTC/USDT", str(n), MIDDLE + n * 1000, 1.0, source="binance") for n in seen]
        world.put("trades", rows)
        with world.running("quality"), world.running("ingest"):

            def gaps() -> dict[int, str]:
                return {row["first_id"]: row["state"] for row in world.rows("feed_gaps")}

            wait_for(lambda: gaps() == {50: "open", 100: "open"}, "the gaps", 120)
            done = run(world, "backfill", "gaps", BINANCE__REST_URL=server.http_url)
            assert (done.returncode, done.stdout) == (0, "2 open gaps of 22 trades; 20 trades fetched and sent\n")
            wait_for(lambda: gaps() == {50: "open", 100: "closed"}, "the gap that REST has", 60)
            wait_for(lambda: len(world.rows("trade_data")) == 197, "the trades", 60)
        done = run(world, "quality", "--json", "--since", "9999d")
    found = json.loads(done.stdout)
    assert [(gap["first_id"], gap["missing"]) for gap in found["gaps"]] == [(50, 2)]
    assert found["account"][0] == {
        "topic": "trades",
        "produced": 197,
        "stored": 197,
        "dead_lettered": 0,
        "duplicates": 0,
        "missing": 0,
    }
    (feed,) = found["feeds"]
    assert (feed["source"], feed["valid"], feed["gap"]) == ("binance", 177, 22)  # the last minute is open
    shown = run(world, "quality", "--no-account", "--since", "9999d").stdout
    assert "BTC/USDT" in shown
    assert "Open gaps: 1" in shown
