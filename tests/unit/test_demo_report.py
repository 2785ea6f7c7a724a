"""What the demo makes of gaps and outages, and when it says that something is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from demo.report import FeedHealth, problems
from flink_jobs.account import Conservation
from producers.market import Outage

# Of ten trades the last four came after all.
OUTAGE = Outage("BTC", "BTC/USDT", 1_000, 2_000, first_id=100, last_id=109, missed=10, returned=4, back_ms=3_000)


def gap(first_id: int, last_id: int, found: int, pair: str = "BTC/USDT") -> dict[str, Any]:
    return {
        "pair": pair,
        "first_id": first_id,
        "last_id": last_id,
        "missing": last_id - first_id + 1,
        "found": found,
    }


@pytest.mark.parametrize(
    ("gaps", "wrong"),
    [
        ([gap(100, 109, 4)], []),
        ([gap(50, 50, 1), gap(100, 109, 4)], []),
        ([gap(99, 110, 6)], []),  # with its neighbours, which came late
        ([gap(100, 105, 0)], []),  # what came after all came in time
        ([], ["1 of 1 outages were not found", "0 trades are missing, but 6 were lost"]),
        ([gap(100, 109, 4, "ETH/USDT")], ["1 of 1 outages were not found"]),
        ([gap(100, 104, 0), gap(106, 106, 0)], ["1 of 1 outages were not found"]),
        ([gap(100, 109, 3)], ["7 trades are missing, but 6 were lost"]),
        ([gap(50, 50, 0), gap(100, 109, 4)], ["7 trades are missing, but 6 were lost"]),
    ],
)
def test_gaps_are_held_against_the_outages(gaps: list[dict[str, Any]], wrong: list[str]) -> None:
    assert problems([], None, FeedHealth([OUTAGE], gaps, late=4, sent_late=4), []) == wrong


def test_what_is_unaccounted_for_and_what_does_not_run_is_said() -> None:
    accounts = [Conservation("trades", 10, 7, 1, 1, 1), Conservation("macro", 3, 2, 1, 0, 0)]
    jobs = [{"name": "tidemark-ingest", "state": "RUNNING"}, {"name": "tidemark-quality", "state": "RESTARTING"}]
    assert problems(accounts, None, None, jobs) == [
        "trades: 1 of 10 messages are unaccounted for",
        "the job tidemark-quality is RESTARTING",
    ]


def test_what_the_lake_has_is_held_against_what_was_acceptable() -> None:
    accounts = [Conservation("trades", 10, 7, 1, 2, 0), Conservation("macro", 3, 2, 1, 0, 0)]
    assert problems(accounts, None, None, [], {"raw.trades": 9, "raw.macro": 2}) == []
    assert problems(accounts, None, None, [], {"raw.trades": 9}) == [
        "macro: the lake has 0 rows of 2 acceptable messages"
    ]
