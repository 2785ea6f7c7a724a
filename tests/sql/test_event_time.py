"""The worked example of docs/event-time.md: its messages through the real job, its tables as what must come out."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from tests.sql.inputs import trade
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
