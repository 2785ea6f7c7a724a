"""Trades with the news around them, against a join in DuckDB."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from random import Random

import duckdb
import pytest

from tests.sql import oracle
from tests.sql.conftest import Run
from tests.sql.inputs import MIDDLE, START, article, observation, trade
from tests.world import World, wait_for
from tidemark.settings import Macro

pytestmark = pytest.mark.stack

MILLISECOND = timedelta(milliseconds=1)
DAY = 86_400_000


def test_every_trade_meets_the_news_around_it(run: Run) -> None:
    database = duckdb.connect()
    database.execute(
        "CREATE TABLE trades (source TEXT, symbol TEXT, pair TEXT, trade_id TEXT, price DOUBLE, traded BIGINT)"
    )
    database.execute(
        "CREATE TABLE mentions (id TEXT, title TEXT, symbol TEXT, score DOUBLE, label TEXT, published BIGINT)"
    )
    columns = ("source", "symbol", "pair", "trade_id", "price", "event_time")
    trades = [[trade[name] for name in columns] for trade in run.input.sound["trades"]]
    database.execute(
        "INSERT INTO trades SELECT UNNEST(?, max_depth := 2)",
        [
            [
                dict(zip(("source", "symbol", "pair", "trade_id", "price", "traded"), trade, strict=True))
                for trade in trades
            ]
        ],
    )
    database.executemany(
        "INSERT INTO mentions VALUES (?, ?, ?, ?, ?, ?)",
        [
            (a["id"], a["title"], symbol, a["sentiment"]["score"], a["sentiment"]["label"], a["event_time"])
            for a in run.input.sound["articles"]
            for symbol in a["cryptocurrencies_mentioned"]
        ],
    )
    known_after = {name: round(delay / MILLISECOND) for name, delay in Macro().known_after.items()}
    known = oracle.known_macro(run.input.sound["macro"], START, known_after)
    assert set(known) == {"DFF", "UNRATE"}  # and none becomes known within the half hour
    expected = database.execute(
        """
        SELECT t.source, t.symbol, pair, trade_id, price, traded, coalesce(id, ''), title, published, score, label,
            traded // 60000 * 60000, traded // 60000 * 60000 + 60000,
            traded // 300000 * 300000, traded // 300000 * 300000 + 300000,
            $rate, $macro
        FROM trades t LEFT JOIN mentions m
            ON m.symbol = t.symbol AND m.published BETWEEN t.traded - 300000 AND t.traded + 300000
        """,
        {"rate": known["DFF"], "macro": json.dumps(known, separators=(",", ":"))},
    ).fetchall()
    names = (
        *("source", "symbol", "pair", "trade_id", "price", "trade_time", "article_id", "news_title", "news_time"),
        *("sentiment", "sentiment_label", "window_start", "window_end", "window_5m_start", "window_5m_end"),
        *("policy_rate", "macro"),
    )
    found = Counter(tuple(row[name] for name in names) for row in run.world.rows("enriched_trades"))
    assert len(expected) > len(trades) > 30_000
    assert found == Counter(expected)


def test_five_minutes_are_inclusive_and_a_millisecond_more_is_not(runs: Callable[[str], Run]) -> None:
    rows = runs("tidy").world.rows("enriched_trades")
    edge, rim = (article(name, 0, [])["id"] for name in ("edge", "rim"))
    near = {row["trade_time"] - MIDDLE: row["article_id"] for row in rows if row["symbol"] == "EDGE"}
    assert near == {-300_001: "", -300_000: edge, 0: edge, 300_000: edge, 300_001: ""}
    assert {row["article_id"] for row in rows if row["symbol"] == "RIM"} == {edge, rim}
    assert [row["article_id"] for row in rows if row["symbol"] == "LONE"] == [""]


def day(number: int) -> str:
    """Return the date so many days after 2025-06-01, when START begins."""
    return (date(2025, 6, 1) + timedelta(days=number)).isoformat()


def macro_at(world: World) -> dict[str, tuple[float | None, str | None]]:
    return {row["trade_id"]: (row["policy_rate"], row["macro"]) for row in world.rows("enriched_trades")}


@pytest.mark.parametrize("kind", ["tidy", "shuffled", "hostile"])
def test_each_trade_has_the_last_value_known_by_then_never_a_later_one(case: Callable[..., World], kind: str) -> None:
    """Every value of a series is another one, so that a value says of which day it is."""
    known_after = {"DFF": "1d", "CPI": "30d", "GAP": "2d"}
    world = case(macro={"known_after": known_after}, kafka={"partitions": 2})
    rng = Random(kind)
    sound = [observation("DFF", day(number), 4 + number / 100) for number in range(-10, 12) if number % 7]
    sound += [observation("CPI", day(number), 300 + number, "monthly") for number in (-61, -30, 0)]
    sound += [observation("GAP", day(number), 1000.5 - number) for number in (-1, 5)]
    sent = list(sound)
    if kind != "tidy":
        rng.shuffle(sent)
    if kind == "hostile":  # a first value, and then the revision of it that counts; one sent twice; another series
        sent = [{**sound[8], "value": 99.0}, *sent, {**sound[3]}, observation("OTHER", day(0), 1.0)]
        sent += [{**sound[-1], "value": float("nan")}]
    world.put("macro", sent, lambda row: 0 if row["indicator"] == "DFF" else 1)
    edges = [START + number * DAY + offset for number in range(8) for offset in (-1, 0, 1)]
    times = sorted([*edges, *(START + rng.randrange(8 * DAY) for _ in range(300))])
    arrivals = times if kind == "tidy" else sorted(times, key=lambda at: at + rng.randrange(300_000))
    world.put("trades", [trade("BTC/USDT", str(at), at, 1.0) for at in arrivals])
    world.run("enrich")
    delays = {name: int(delay[:-1]) * DAY for name, delay in known_after.items()}
    found = macro_at(world)
    assert len(found) == len(set(times))
    for at in times:
        expected = oracle.known_macro([row for row in sound if row["indicator"] in delays], at, delays)
        rate, macro = found[str(at)]
        assert (rate, json.loads(macro or "{}")) == (expected.get("DFF"), expected)
        for row in sound:
            if row["event_time"] + delays[row["indicator"]] > at:
                assert json.loads(macro or "{}").get(row["indicator"]) != row["value"]


def test_macro_that_is_empty_silent_late_or_revised_holds_no_trade_back(case: Callable[..., World]) -> None:
    world = case(
        macro={"known_after": {"DFF": "1d"}},
        watermarks={"articles_idle": "2s", "enrich_trades": "1s", "enrich_articles": "1s"},
        windows={"news_join": "1s"},
        kafka={"partitions": 1},
    )
    sent = 0

    def trades(minute: int) -> dict[str, tuple[float | None, str | None]]:
        """Send a trade, and one that takes the time on; return what there is of those of whole minutes."""
        nonlocal sent
        sent += 1
        at = START + minute * 60_000
        world.put("trades", [trade("BTC/USDT", str(minute), at, 1.0), trade("BTC/USDT", f"x{sent}", at + 300_000, 1.0)])
        wait_for(lambda: str(minute) in macro_at(world), f"the trade of minute {minute}", 120)
        return {key: value for key, value in macro_at(world).items() if key.isdecimal()}

    first, second = observation("DFF", day(-2), 4.5), observation("DFF", day(-1), 4.75)
    with world.running("enrich"):
        assert trades(0) == {"0": (None, None)}  # an empty topic
        world.put("macro", [first])
        assert trades(10)["10"] == (4.5, '{"DFF":4.5}')
        world.put("macro", [second])  # late: known since the trades of minute 0
        assert trades(20)["20"] == (4.75, '{"DFF":4.75}')
        world.put("macro", [first])  # older than what is in force
        assert trades(30)["30"] == (4.75, '{"DFF":4.75}')
        world.put("macro", [{**second, "value": 4.8}])
        assert trades(40)["40"] == (4.8, '{"DFF":4.8}')
    assert macro_at(world)["10"] == (4.5, '{"DFF":4.5}')  # what was known when it was joined
