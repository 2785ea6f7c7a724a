"""What alerts cost on a backlog in a market ten times as jumpy as a real one: `python -m benchmarks.spike_cost`.

Trades of ten pairs, a random walk each, go to topics of their own on the running local stack; then each step of the
job alerts works them off by itself, and the whole job after them. The real market is the month of 1-minute bars whose
returns have a standard deviation of 0.1 %; a pair here moves by 1 % a minute.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from random import Random

from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from flink_jobs import cluster, runner
from flink_jobs.sql_files import SqlFile, definitions, needed
from flink_jobs.variables import variables
from producers.market import COINS
from stack import database, local, migrate, topics
from tidemark.endpoints import kafka_bootstrap
from tidemark.paths import FLINK_SQL
from tidemark.settings import Settings, Topics, load

_PER_SECOND = 10  # trades of a pair
_SIGMA = 0.01 / math.sqrt(60 * _PER_SECOND)  # of the log price, per trade
_STEPS = ("bars", "price_moves", "spike_moves", "trade_edges", "trade_events")


def main() -> None:
    """Send the trades and measure each step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trades", nargs="?", type=int, default=2_000_000)
    count = parser.parse_args().trades
    local.up(load())
    name = f"bench-{time.time_ns()}"
    names = {key: f"{name}.{topic}" for key, topic in Topics().model_dump().items()}
    settings = load(topics=names, postgres={"database": name})
    topics.create(settings)
    database.make_roles(settings)
    migrate.migrate(settings)
    _send(settings, count)
    table = Table("step", "seconds", "trades/s")
    for step in _STEPS:
        _shown(table, step, _step(settings, step), count)
    began = time.monotonic()
    runner.submit(settings, "alerts", cluster.client_options(settings), bounded=True, wait=True)
    _shown(table, "the job alerts", time.monotonic() - began, count)
    found = len(database.fetch(settings, "alerts", alert_type="spike"))
    Console(width=100).print(table, f"{found:,} spikes")
    topics.delete(settings)
    database.drop(settings)


def _send(settings: Settings, count: int) -> None:
    producer = Producer(
        {"bootstrap.servers": kafka_bootstrap(settings), "linger.ms": 20, "queue.buffering.max.messages": 1_000_000}
    )
    rng = Random(1)
    prices = {coin.pair: coin.price for coin in COINS}
    start = time.time_ns() // 1_000_000 - count * 1_000 // (_PER_SECOND * len(COINS))
    for number in range(count):
        coin = COINS[number % len(COINS)]
        prices[coin.pair] *= math.exp(rng.gauss(0, _SIGMA))
        at = start + number // len(COINS) * 1_000 // _PER_SECOND
        value = {
            "source": "bench",
            "symbol": coin.symbol,
            "pair": coin.pair,
            "trade_id": str(number),
            "price": prices[coin.pair],
            "quantity": 1.5,
            "side": "buy",
            "event_time": at,
            "ingest_time": at,
        }
        producer.produce(settings.topics.trades, json.dumps(value), coin.pair)
        if number % 10_000 == 0:
            producer.poll(0)
    producer.flush()


def _step(settings: Settings, view: str) -> float:
    """Return how many seconds Flink takes to work off what the topics hold into ``view``, and throw it away."""
    values = variables(settings, "alerts", bounded=True)
    options = {**cluster.client_options(settings), "table.optimizer.agg-phase-strategy": "ONE_PHASE"}
    options["pipeline.auto-watermark-interval"] = "50 ms"
    query = f"CREATE TABLE nothing WITH ('connector' = 'blackhole') AS SELECT * FROM {view}"  # noqa: S608 - of ours
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
