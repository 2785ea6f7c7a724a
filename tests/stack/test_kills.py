"""Every part killed once while all jobs run: what they leave is what a run leaves that nobody disturbed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import zip_longest
from typing import Any

import pytest

from flink_jobs import cluster, progress
from flink_jobs.sql_files import JOBS
from producers.market import MINUTE, Market, MarketConfig
from stack import database, local
from tests.sql.inputs import START, article, mood, observation, price, ticker, trade
from tests.world import Row, World, wait_for

pytestmark = pytest.mark.stack

_MINUTES = 20
_KILLED = ("taskmanager", "kafka", "jobmanager", "postgres")
_BY_THE_CLOCK = ("detected_at", "closed_at")  # when something was found, which no two runs share

Sent = tuple[str, Row | bytes]  # topic and message


def test_what_the_jobs_leave_is_that_of_an_undisturbed_run(case: Callable[..., World]) -> None:
    quiet, quiet_topics = _left(case, ())
    disturbed, disturbed_topics = _left(case, _KILLED)
    assert {name: len(rows) for name, rows in disturbed.items()} == {name: len(rows) for name, rows in quiet.items()}
    assert disturbed == quiet
    assert disturbed_topics == quiet_topics
    assert min(len(quiet[name]) for name in ("trade_data", "enriched_trades", "candles", "alert_data")) > 10
    assert min(map(len, quiet_topics.values())) > 10


def _left(case: Callable[..., World], killed: Iterable[str]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Return the tables' rows and the topics' messages after all jobs have run, with ``killed`` killed on the way."""
    # No partition is ever silent here, however long a part is away.
    world = case(kafka={"partitions": 1}, watermarks={"idle": "1h", "articles_idle": "1h"})
    sent = _market()
    size = len(sent) // (len(_KILLED) + 1) + 1
    pieces = [sent[begin : begin + size] for begin in range(0, len(sent), size)]
    cluster.submit(world.settings, JOBS, lambda text: None)
    try:
        for piece, part in zip_longest(pieces, killed):
            _put(world, piece)
            wait_for(lambda: world.rows("trade_data"), "the first trades in PostgreSQL", 120)
            if part:
                _kill(world, part)
        _put(world, _closing())
        patient = world.settings.watermarks.model_copy(update={"articles_idle": timedelta(seconds=2)})
        progress.settle(world.settings.model_copy(update={"watermarks": patient}), JOBS, lambda behind: None)
    finally:
        cluster.forget(world.settings)
    tables = {name: world.rows(name) for name in database.count(world.settings)}
    # A rejected message is counted in the minute of its arrival.
    tables["data_quality"] = [row for row in tables["data_quality"] if not row["rejected"]]
    topics = {name: world.topic(name) for name in ("alerts", "dead_letters")}
    return {name: _comparable(rows) for name, rows in tables.items()}, {
        "alerts": _comparable(topics["alerts"]),
        "dead_letters": sorted((row["message"], row["error"]) for row in topics["dead_letters"]),
    }


def _comparable(rows: list[Row]) -> list[str]:
    return sorted(str({name: row[name] for name in sorted(row) if name not in _BY_THE_CLOCK}) for row in rows)


def _kill(world: World, name: str) -> None:
    """Kill a part, and have `up` put right what followed from it."""
    (part,) = [part for part in local.part_states(world.settings) if part["name"] == name]
    os.kill(part["pid"], signal.SIGKILL)
    local.up(world.settings)
    wait_for(
        lambda: {job["state"] for job in cluster.jobs(world.settings)} == {"RUNNING"}, f"the jobs without {name}", 120
    )


def _put(world: World, messages: list[Sent]) -> None:
    for topic in dict.fromkeys(topic for topic, _ in messages):
        world.put(topic, [value for other, value in messages if other == topic])


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
