"""The worked example of docs/event-time.md: its messages through the real job, its tables as what must come out."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from tests.sql.inputs import MIDDLE, article, price, trade
from tests.world import World
from tidemark.durations import parse_duration
from tidemark.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.stack

EXAMPLE = (ROOT / "docs" / "event-time.md").read_text(encoding="utf-8").partition("## An example\n")[2]
SETTINGS = tomllib.loads(re.search(r"```toml\n(.*?)```", EXAMPLE, re.DOTALL)[1])["watermarks"]  # type: ignore[index]
MESSAGES, LATE, MINUTES = (
    [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    for table in re.findall(r"(?:^\|.*\n)+", EXAMPLE, re.MULTILINE)
)


def at(clock: str) -> int:
    """Return the epoch milliseconds of a time on the day of the example."""
    time = datetime.fromisoformat(f"2025-06-01T{clock}").replace(tzinfo=timezone.utc)
    return round(time.timestamp() * 1000)


def test_the_example_is_what_the_job_makes_of_it(case: Callable[..., World]) -> None:
    world = case(watermarks=SETTINGS, kafka={"partitions": 1})
    world.put(
        "trades",
        [
            trade("BTC/USD", number, at(clock), 100.0, source=source, ingest_time=at(clock))
            for number, source, clock, *_ in MESSAGES
        ],
    )
    world.run("quality")
    late = [
        (row["source"], row["id"], row["event_time"], row["watermark_time"], row["late_by_seconds"])
        for row in world.rows("late_data")
    ]
    assert sorted(late) == [
        (source, number, at(clock), at(watermark), int(seconds)) for source, number, clock, watermark, seconds in LATE
    ]
    minutes = [
        (row["source"], row["minute_start"], row["seen"], row["valid"], row["late"])
        for row in world.rows("data_quality")
    ]
    assert sorted(minutes) == [
        (source, at(minute), int(seen), int(valid), int(late)) for source, minute, seen, valid, late in MINUTES
    ]


def test_the_watermarks_of_the_example_are_its_settings() -> None:
    delays = {name: parse_duration(text) for name, text in SETTINGS["by_source"].items()}
    newest = 0
    for _, source, clock, watermark, _ in MESSAGES:
        delay = delays.get(source, parse_duration(SETTINGS["trades"]))
        newest = max(newest, at(clock) - round(delay.total_seconds() * 1000))
        assert newest == at(watermark)


def test_late_articles_and_prices_are_kept_and_counted(case: Callable[..., World]) -> None:
    world = case(watermarks={"emit": "on-event", "by_source": {"newsapi": "1h"}}, kafka={"partitions": 1})
    minute = 60_000
    # A feed's articles are late after 2 minutes; one of NewsAPI's from the future moves nothing for an hour.
    news = [("a", 0, "rss"), ("b", 30, "newsapi"), ("c", 10, "rss"), ("d", 9, "rss"), ("e", 7, "rss"), ("e", 7, "rss")]
    world.put("articles", [article(name, MIDDLE + at * minute, ["BTC"], source=source) for name, at, source in news])
    quotes = [("BTC", 0), ("BTC", 5), ("ETH", 4), ("BTC", 2), ("ETH", 5), ("ETH", 5)]
    world.put("prices", [price(symbol, MIDDLE + at * minute, 1.0) for symbol, at in quotes])
    world.run("quality")
    late = {(row["topic"], row["item"], row["id"], row["event_time"]) for row in world.rows("late_data")}
    identity = price("BTC", MIDDLE, 1.0)["crypto_id"]
    assert late == {
        ("articles", "", article("e", 0, [])["id"], MIDDLE + 7 * minute),
        ("prices", "BTC", identity, MIDDLE + 2 * minute),
    }
    counts = {
        (row["topic"], row["source"], (row["minute_start"] - MIDDLE) // minute): (
            row["valid"],
            row["duplicate"],
            row["late"],
        )
        for row in world.rows("data_quality")
    }
    once, late_once = (1, 0, 0), (1, 0, 1)
    assert {key[1:]: count for key, count in counts.items() if key[0] == "articles"} == {
        ("rss", 0): once,
        ("newsapi", 30): once,
        ("rss", 10): once,
        ("rss", 9): once,
        ("rss", 7): (2, 0, 2),
    }
    assert [count for (topic, _, at), count in sorted(counts.items()) if topic == "prices"] == [
        once,
        late_once,
        once,
        (3, 1, 0),
    ]
