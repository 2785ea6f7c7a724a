"""What alerts cost on a backlog in a market ten times as jumpy as a real one: `python -m benchmarks.spike_cost`.

Trades of ten pairs, a random walk each, go to topics of their own on the running local stack; then each step of the
job alerts works them off by itself, and the whole job after them. The real market is the month of 1-minute bars whose
returns have a standard deviation of 0.1 %; a pair here moves by 1 % a minute.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from benchmarks import backlog
from benchmarks.world import world
from flink_jobs import cluster, runner
from flink_jobs.sql_files import SqlFile, definitions, needed
from flink_jobs.variables import variables
from stack import database
from tidemark.paths import FLINK_SQL
from tidemark.settings import Settings

_MINUTE_SIGMA = 0.01
_STEPS = ("bars", "price_moves", "spike_moves", "trade_edges", "trade_events")


def main() -> None:
    """Send the trades and measure each step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trades", nargs="?", type=int, default=2_000_000)
    count = parser.parse_args().trades
    table = Table("step", "seconds", "trades/s")
    with world() as settings:
        backlog.send_trades(settings, count, _MINUTE_SIGMA)
        for step in _STEPS:
            _shown(table, step, _step(settings, step), count)
        began = time.monotonic()
        runner.submit(settings, "alerts", cluster.client_options(settings), bounded=True, wait=True)
        _shown(table, "the job alerts", time.monotonic() - began, count)
        found = len(database.fetch(settings, "alerts", alert_type="spike"))
    Console(width=100).print(table, f"{found:,} spikes")


def _step(settings: Settings, view: str) -> float:
    """Return how many seconds Flink takes to work off what the topics hold into ``view``, and throw it away."""
    values = variables(settings, "alerts", bounded=True)
    options = {**cluster.client_options(settings), "table.optimizer.agg-phase-strategy": "ONE_PHASE"}
    options["pipeline.auto-watermark-interval"] = "50 ms"
    query = f"CREATE TABLE nothing WITH ('connector' = 'blackhole') AS SELECT * FROM {view}"
    table_env = runner._environment({**options, "pipeline.name": view})
    known = definitions(values)
    runner._define(table_env, needed([SqlFile(FLINK_SQL, "", query)], known))
    began = time.monotonic()
    table_env.execute_sql(query).wait()
    return time.monotonic() - began


def _shown(table: Table, step: str, seconds: float, count: int) -> None:
    table.add_row(step, f"{seconds:.1f}", f"{count / seconds:,.0f}")


if __name__ == "__main__":
    main()
