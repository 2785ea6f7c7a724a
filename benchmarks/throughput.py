"""How fast a backlog is worked off: `python -m benchmarks.throughput`, for each job alone and for all together.

Trades and articles lie on the topics before a job starts, and the clock (Flink's own: from the first job's start to the
last one's end) stops when all is in PostgreSQL and on the topics. Broker, database and Flink share the machine's cores.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import backlog
from benchmarks.world import world
from flink_jobs import cluster, runner
from producers.market import COINS
from stack import database
from tidemark.settings import Settings

_JOBS = ("ingest", "enrich", "analytics", "alerts")
_MINUTE_SIGMA = 0.001  # as in the real month of 1-minute bars that the tests use
_ARTICLE_EVERY = 50_000  # milliseconds


def main() -> None:
    """Measure what the arguments ask for, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trades", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=1, help="of each line; the median is printed")
    parser.add_argument("--parallelism", type=int, default=2)
    parser.add_argument("--jobs", nargs="*", default=_JOBS, help="one line each, and one for all of them")
    arguments = parser.parse_args()
    console = Console()
    table = Table("jobs", "seconds", "trades/s", "rows written", title=f"{arguments.trades:,} trades")
    lines = [(job,) for job in arguments.jobs] + ([tuple(arguments.jobs)] if len(arguments.jobs) > 1 else [])
    flink = {"parallelism": arguments.parallelism, "checkpoint_interval": "10s"}
    with world(flink=flink) as settings:
        backlog.send_trades(settings, arguments.trades, _MINUTE_SIGMA)
        _send_articles(settings, backlog.span(arguments.trades))
        for jobs in track(lines * arguments.runs, "Measuring", console=console):
            _measured.setdefault(jobs, []).append(_run(settings, jobs))
    for jobs, runs in _measured.items():
        seconds = statistics.median(run[0] for run in runs)
        rows = runs[0][1]
        table.add_row(" + ".join(jobs), f"{seconds:.1f}", f"{arguments.trades / seconds:,.0f}", f"{rows:,}")
    console.print(table)


_measured: dict[Sequence[str], list[tuple[float, int]]] = {}


def _send_articles(settings: Settings, span: int) -> None:
    sender = backlog.producer(settings)
    for offset in range(0, span, _ARTICLE_EVERY):
        sender.produce(settings.topics.articles, orjson.dumps(_article(offset)), str(offset))
    if left := sender.flush(60):
        raise SystemExit(f"{left} articles were not delivered")


def _article(offset: int) -> dict[str, Any]:
    coin = COINS[offset // _ARTICLE_EVERY % len(COINS)].symbol
    return {
        "id": f"{offset:064x}",
        "title": f"{coin} moves",
        "url": f"https://news.example/{offset}",
        "website": "News",
        "summary": "",
        "cryptocurrencies_mentioned": [coin],
        "sentiment": {"score": 0.5, "polarity": 0.0, "label": "neutral"},
        "source": "rss",
        "event_time": backlog.START + offset,
        "ingest_time": backlog.START + offset + 1000,
    }


def _run(settings: Settings, jobs: Sequence[str]) -> tuple[float, int]:
    """Return seconds from the first start to the last end, and the rows that the database then has."""
    database.empty(settings)
    rest = cluster.Rest(settings)
    options = cluster.client_options(settings)
    prepared = [runner.prepare(settings, job, options, bounded=True) for job in jobs]
    ids = [job.start() for job in prepared]
    states = [_await_end(rest, job_id) for job_id in ids]
    if failed := [job for job, state in zip(jobs, states, strict=True) if state["state"] != "FINISHED"]:
        raise SystemExit(f"{', '.join(failed)} did not finish: see Flink's web UI")
    took = max(state["end-time"] for state in states) - min(state["start-time"] for state in states)
    return took / 1000, sum(database.count(settings).values())


def _await_end(rest: cluster.Rest, job_id: str) -> dict[str, Any]:
    while (job := rest.get(f"/jobs/{job_id}"))["state"] in cluster.LIVE:
        time.sleep(0.2)
    return dict(job)


if __name__ == "__main__":
    main()
