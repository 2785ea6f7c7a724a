"""Whether news impact gets the sign of the simulator's jumps right: `python -m benchmarks.impact`.

For each seed a market is sent to topics of its own on the running local stack, and the job enrich works it off.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from benchmarks.world import world
from flink_jobs import cluster, runner
from producers.market import SOURCE, MarketConfig
from producers.simulate import simulate
from producers.sink import KafkaSink
from stack import database

_MINUTES = 45
_LEAST_PCT = 1.0
_HORIZON = 60  # s; longer ones can hold another jump of the pair


def main() -> None:
    """Measure the seeds that the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3, 4, 5])
    table = Table("seed", "jumps", "sign right", "abnormal sign right", "least score", "largest error %", "seconds")
    for seed in parser.parse_args().seeds:
        table.add_row(str(seed), *_measure(seed))
    Console().print(table)


def _measure(seed: int) -> tuple[str, ...]:
    config = MarketConfig(start_ms=int(time.time() * 1000) - _MINUTES * 60_000, minutes=_MINUTES, seed=seed)
    with world() as settings:
        sink = KafkaSink(settings)
        truth = simulate(settings, sink, config)
        sink.close()
        began = time.monotonic()
        runner.submit(settings, "enrich", cluster.client_options(settings), bounded=True, wait=True)
        took = time.monotonic() - began
        rows = {
            (row["article_id"], row["pair"]): row
            for row in database.fetch(settings, "news_impact", source=SOURCE, horizon=_HORIZON)
        }
    jumps = [jump for jump in truth.jumps if abs(jump.pct) > _LEAST_PCT]
    found = [(jump, rows[jump.article_id, jump.pair]) for jump in jumps if (jump.article_id, jump.pair) in rows]
    right = sum((row["return_after_pct"] or 0) * jump.pct > 0 for jump, row in found)
    scores = [row["abnormal_score"] * jump.pct / abs(jump.pct) for jump, row in found if row["abnormal_score"]]
    errors = [abs(row["return_after_pct"] - jump.pct) for jump, row in found if row["return_after_pct"] is not None]
    return (
        str(len(jumps)),
        str(right),
        f"{sum(score > 0 for score in scores)} of {len(scores)}",
        f"{min(scores, default=0):.1f}",
        f"{max(errors, default=0):.2f}",
        f"{took:.0f}",
    )


if __name__ == "__main__":
    main()
