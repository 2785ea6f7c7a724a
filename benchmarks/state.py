"""Whether the jobs' state stays as large over a day: `python -m benchmarks.state`, while none runs on the local stack.

A simulated market of 24 hours goes to topics of its own, hour by hour; after each the running jobs work it off, and a
checkpoint of each says how large its state is. What is kept by the clock and not by event time (no longer than
`kafka.retention`) grows all the while, since the day takes minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Console
from rich.table import Table

from benchmarks.world import world
from flink_jobs import cluster, progress
from producers.market import MINUTE, Arrival, Market, MarketConfig
from producers.sink import KafkaSink
from tidemark.settings import Settings

_HOUR = 60 * MINUTE
_PATIENCE = 600  # seconds for an hour's messages


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rate", type=float, default=0.5, help="trades a second and pair; there are ten pairs")
    arguments = parser.parse_args()
    begin = round(time.time() * 1000) - arguments.hours * _HOUR
    market = MarketConfig(begin, minutes=60 * arguments.hours, trades_per_second=arguments.rate)
    with world() as settings:
        names = cluster.default_jobs(settings)
        table = Table("hour", "messages", *names, title="State, KiB")
        cluster.submit(settings, names, print)
        try:
            for hour, count in enumerate(_sent(settings, market), 1):
                _work_off(settings, names)
                sizes = [f"{size / 1024:,.0f}" for size in _sizes(settings, names)]
                table.add_row(str(hour), f"{count:,}", *sizes)
                print(f"hour {hour}: {count:,} messages; {', '.join(map(' '.join, zip(names, sizes, strict=True)))}")
        finally:
            cluster.forget(settings)
    Console().print(table)


def _sent(settings: Settings, config: MarketConfig) -> Iterator[int]:
    """Send the market, and yield after each hour how many messages that were."""
    sink = KafkaSink(settings)
    for _, arrivals in groupby(Market(config).arrivals(), lambda arrival: (arrival.at_ms - config.start_ms) // _HOUR):
        yield _send(sink, arrivals)
    sink.close()


def _send(sink: KafkaSink, arrivals: Iterable[Arrival]) -> int:
    count = 0
    for arrival in arrivals:
        message = arrival.message
        if arrival.kind == "malformed":
            sink.send_bytes(message.topic, message.key, arrival.payload)
        else:
            sink.send(message, backfill=arrival.kind == "backfill")
        count += 1
    sink.flush()
    return count


def _work_off(settings: Settings, names: Iterable[str]) -> None:
    """Wait until the jobs have read all there is."""
    names = list(names)
    until = time.monotonic() + _PATIENCE
    while behind := [name for name, lag in progress.lag(settings, names).items() if lag]:
        if time.monotonic() > until:
            raise SystemExit(f"After {_PATIENCE} s these jobs are still behind: {', '.join(behind)}.")
        for name in behind:  # its checkpoints say how far it is
            cluster.checkpoint(settings, name)
        time.sleep(0.2)


def _sizes(settings: Settings, names: Iterable[str]) -> Iterator[int]:
    """Yield the bytes of state in a checkpoint of each job."""
    rest = cluster.Rest(settings)
    ids = {job["name"]: job["id"] for job in cluster.jobs(settings)}
    for name in names:
        cluster.checkpoint(settings, name)
        yield int(rest.get(f"/jobs/{ids[name]}/checkpoints")["latest"]["completed"]["state_size"])


if __name__ == "__main__":
    main()
