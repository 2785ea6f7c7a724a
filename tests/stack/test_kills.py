"""Every part killed while all jobs run, and then all of them at once: what is left is what a run leaves that nobody
disturbed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest
from pathlib import Path

import psutil
import pytest

from flink_jobs import cluster, progress
from flink_jobs.sql_files import JOBS
from producers.market import MINUTE, Market, MarketConfig
from stack import config, database, local
from tests import lake
from tests.sql.inputs import START, article, mood, observation, price, ticker, trade
from tests.world import Row, World, wait_for
from tidemark.settings import load

pytestmark = [pytest.mark.stack, pytest.mark.soak]

_MINUTES = 12
_SUPERVISOR = "supervisord"
_KILLED = (("taskmanager",), ("kafka", "postgres"), (_SUPERVISOR, *config.parts(load())))
_BY_THE_CLOCK = ("detected_at", "closed_at")  # when something was found, which no two runs share
_IN_LAKE = ("trades", "tickers", "articles", "prices", "market_sentiment", "macro")

Sent = tuple[str, Row | bytes]  # topic and message


@dataclass
class _Left:
    """What a run has left: the tables' rows, the topics' messages, and the rows of the lake, as they compare."""

    tables: dict[str, list[str]]
    topics: dict[str, list[str]]
    lake: dict[str, list[str]]


@pytest.mark.timeout(900)
def test_what_the_jobs_leave_is_that_of_an_undisturbed_run(case: Callable[..., World], tmp_path: Path) -> None:
    quiet = _left(case, tmp_path / "quiet", ())
    disturbed = _left(case, tmp_path / "disturbed", _KILLED)
    both = ((disturbed.tables, quiet.tables), (disturbed.topics, quiet.topics), (disturbed.lake, quiet.lake))
    for mine, others in both:
        assert {name: len(rows) for name, rows in mine.items()} == {name: len(rows) for name, rows in others.items()}
        assert mine == others
    filled = ("trade_data", "enriched_trades", "candles", "prediction_data", "alert_data")
    assert min(len(quiet.tables[name]) for name in filled) > 10
    assert min(map(len, quiet.topics.values())) > 10
    assert len(quiet.lake["raw.trades"]) > 1_000


def _left(case: Callable[..., World], warehouse: Path, killed: Iterable[tuple[str, ...]]) -> _Left:
    """Return what all jobs leave, with ``killed`` killed on the way, one group after the other."""
    # No partition is ever silent here, and no feed stale, however long a part is away.
    world = case(
        kafka={"partitions": 1},
        watermarks={"idle": "1h", "articles_idle": "1h", "alerts": "10s"},
        alerts={"stale_after": "1h"},
        lake={"enabled": True, "warehouse": str(warehouse), "checkpoint_interval": "300ms"},
    )
    sent = _market()
    size = len(sent) // (len(_KILLED) + 1) + 1
    pieces = [sent[begin : begin + size] for begin in range(0, len(sent), size)]
    cluster.submit(world.settings, JOBS, lambda text: None)
    try:
        for piece, parts in zip_longest(pieces, killed, fillvalue=()):
            _put(world, piece)
            wait_for(lambda: world.rows("trade_data"), "the first trades in PostgreSQL", 120)
            if parts:
                _kill(world, parts)
        _put(world, _closing())
        patient = world.settings.watermarks.model_copy(update={"articles_idle": timedelta(seconds=2)})
        progress.settle(world.settings.model_copy(update={"watermarks": patient}), JOBS, lambda behind: None)
    finally:
        cluster.forget(world.settings)
    tables = {name: world.rows(name) for name in database.count(world.settings)}
    # A rejected message is counted in the minute of its arrival.
    tables["data_quality"] = [row for row in tables["data_quality"] if not row["rejected"]]
    letters = [{name: row[name] for name in ("message", "error")} for row in world.topic("dead_letters")]
    topics = {"alerts": world.topic("alerts"), "dead_letters": letters}
    return _Left(
        {name: _comparable(rows) for name, rows in tables.items()},
        {name: _comparable(rows) for name, rows in topics.items()},
        {
            **{
                f"raw.{name}": sorted(map(str, lake.rows(world, f"raw.{name}", "* EXCLUDE arrived_at")))
                for name in _IN_LAKE
            },
            "enriched.trades": sorted(map(str, lake.rows(world, "enriched.trades"))),
        },
    )


def _comparable(rows: list[Row]) -> list[str]:
    return sorted(str({name: row[name] for name in sorted(row) if name not in _BY_THE_CLOCK}) for row in rows)


def _kill(world: World, names: tuple[str, ...]) -> None:
    """Kill parts, and have `up` put right what followed from it."""
    parts = {part["name"]: part["pid"] for part in local.part_states(world.settings)}
    if _SUPERVISOR in names:  # before it starts the others again
        supervisor = psutil.Process(int((world.settings.data_dir / "supervisord.pid").read_text()))
        supervisor.kill()
        supervisor.wait(30)
    for name in names:
        if name != _SUPERVISOR:
            os.kill(parts[name], signal.SIGKILL)
    local.up(world.settings)
    after = f"after the end of {', '.join(names)}"
    wait_for(lambda: {job["state"] for job in cluster.jobs(world.settings)} == {"RUNNING"}, f"the jobs {after}", 120)
    wait_for(lambda: {part["state"] for part in local.part_states(world.settings)} == {"up"}, f"all parts {after}", 60)


def _put(world: World, messages: Iterable[Sent]) -> None:
    by_topic: dict[str, list[Row | bytes]] = {}
    for topic, value in messages:
        by_topic.setdefault(topic, []).append(value)
    for topic, values in by_topic.items():
        world.put(topic, values)


def _market() -> list[Sent]:
    """Return what is sent, in the order of its arrival."""
    config = MarketConfig(START, minutes=_MINUTES, seed=3, trades_per_second=0.5, coins=4, malformed=0.01, late=0)
    return [(sent.message.topic, sent.payload or sent.message.value) for sent in Market(config).arrivals()]


def _closing() -> list[Sent]:
    """Return a later message for every topic, so that every window that matters closes."""
    at = START + _MINUTES * MINUTE + 3 * 60 * MINUTE
    return [
        ("trades", trade("END/USDT", "1", at, 1.0)),
        ("tickers", ticker("END/USDT", at, 1.0)),
        ("articles", article("end", at, ["END"])),
        ("prices", price("END", at, 1.0)),
        ("market_sentiment", mood(at, 50)),
        ("macro", observation("DFF", "2025-06-01", 4.0)),
        *(
            ("heartbeats", {"source": "byhand", "topic": topic, "event_time": at})
            for topic in ("trades", "tickers", "articles", "prices", "market_sentiment", "macro")
        ),
    ]
