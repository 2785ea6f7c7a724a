"""How many of the simulator's jumps are found as spikes, and how many spikes are true: `python -m benchmarks.spikes`.

For each seed a market is sent to topics of its own on the running local stack, and the alerts job works it off.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from demo import report
from flink_jobs import cluster, runner
from producers.market import MarketConfig
from producers.simulate import simulate
from producers.sink import KafkaSink
from stack import database, local, migrate, topics
from tidemark.settings import Settings, Topics, load

_MINUTES = 45


def main() -> None:
    """Measure the seeds that the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3])
    table = Table("seed", "jumps", "spikes", "recall", "precision", "largest decoy %", "seconds")
    local.up(load())
    for seed in parser.parse_args().seeds:
        table.add_row(str(seed), *_measure(seed))
    Console().print(table)


def _measure(seed: int) -> tuple[str, ...]:
    settings = world(f"bench-{time.time_ns()}")
    config = MarketConfig(start_ms=int(time.time() * 1000) - _MINUTES * 60_000, minutes=_MINUTES, seed=seed)
    sink = KafkaSink(settings)
    truth = simulate(settings, sink, config)
    sink.close()
    began = time.monotonic()
    runner.submit(settings, "alerts", cluster.client_options(settings), bounded=True, wait=True)
    took = time.monotonic() - began
    found = report.spikes(settings, truth)
    decoy = max((abs(jump.pct) for jump in truth.jumps if jump.decoy), default=0.0)
    topics.delete(settings)
    database.drop(settings)
    numbers = (f"{found.recall:.2f}", f"{found.precision:.2f}", f"{decoy:.2f}", f"{took:.0f}")
    return (str(len(found.jumps)), str(len(found.found)), *numbers)


def world(name: str) -> Settings:
    """Return settings with topics and a database of their own, which are made."""
    names = {key: f"{name}.{topic}" for key, topic in Topics().model_dump().items()}
    settings = load(topics=names, postgres={"database": name})
    topics.create(settings)
    database.make_roles(settings)
    migrate.migrate(settings)
    return settings


if __name__ == "__main__":
    main()
