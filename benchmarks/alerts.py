"""How much of what the simulator did is found, and how much of what is found is true: `python -m benchmarks.alerts`.

For each seed a market is sent to topics of its own on the running local stack, and the jobs alerts and quality work it
off. What the simulator makes no truth for (price changes, z-scores) is counted only.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.world import world
from demo import report
from flink_jobs import cluster, runner
from producers.market import MINUTE, Divergence, MarketConfig, Shift, Surge
from producers.simulate import Truth, simulate
from producers.sink import KafkaSink
from stack import database
from tidemark.settings import Settings

_MINUTES = 60
_EVENTS = {"outages": 3, "surges": 3, "shifts": 2}
_COUNTED = ("price_change", "zscore", "daily_move")
Row = dict[str, Any]
Score = tuple[int, int, int, int]  # done, of them found, found, of them true


def main() -> None:
    """Measure the seeds that the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3, 4, 5])
    table = Table("seed", "alert", "done", "found", "recall", "precision")
    totals: dict[str, Score] = {}
    for seed in parser.parse_args().seeds:
        scores, counts, took = measure(seed)
        for name, score in scores.items():
            totals[name] = _sum(totals.get(name, (0, 0, 0, 0)), score)
            table.add_row(str(seed), name, *_shown(score))
        counted = ", ".join(f"{number} {name}" for name, number in counts.items())
        table.add_row(str(seed), f"also {counted}; {took:.0f} s", "", "", "", "", end_section=True)
    for name, score in totals.items():
        table.add_row("all", name, *_shown(score))
    Console(width=120).print(table)


def measure(seed: int) -> tuple[dict[str, Score], dict[str, int], float]:
    """Return the scores by kind of event, the number of other alerts by type, and how long the jobs took (s)."""
    start = int(time.time() * 1000) - _MINUTES * MINUTE
    with world() as settings:
        sink = KafkaSink(settings)
        truth = simulate(settings, sink, MarketConfig(start, minutes=_MINUTES, seed=seed, **_EVENTS))
        sink.close()
        began = time.monotonic()
        for job in ("alerts", "quality"):
            runner.submit(settings, job, cluster.client_options(settings), bounded=True, wait=True)
        took = time.monotonic() - began
        return compare(settings, truth), {kind: len(_alerts(settings, kind)) for kind in _COUNTED}, took


def compare(settings: Settings, truth: Truth) -> dict[str, Score]:
    """Return, by kind of event, how what is in the tables agrees with ``truth``."""
    spikes, feeds = report.spikes(settings, truth), report.feed_health(settings, truth)
    missing = [gap for gap in feeds.gaps if gap["missing"] > gap["found"]]
    true_gaps = sum(any(report.holds(gap, outage) for outage in feeds.outages) for gap in missing)
    return {
        "spike": (len(spikes.jumps), spikes.hits, len(spikes.found), spikes.true_spikes),
        "outage (feed_gaps)": (len(feeds.outages), feeds.hits, len(missing), true_gaps),
        "divergence": _score(truth.divergences, _alerts(settings, "divergence"), _is_divergence),
        "volume_surge": _score(truth.surges, _alerts(settings, "volume_surge"), _is_surge),
        "sentiment_shift": _score(truth.shifts, _alerts(settings, "sentiment_shift"), _is_shift),
    }


def _alerts(settings: Settings, alert_type: str) -> list[Row]:
    return database.fetch(settings, "alerts", alert_type=alert_type)


def _score(done: Iterable[Any], found: list[Row], belongs: Callable[[Any, Row], bool]) -> Score:
    done = list(done)
    hits = sum(any(belongs(one, alert) for alert in found) for one in done)
    return len(done), hits, len(found), sum(any(belongs(one, alert) for one in done) for alert in found)


def _is_divergence(done: Divergence, alert: Row) -> bool:
    # It begins with the first window without a price from before, so up to a window earlier than it was made.
    return bool(alert["symbol"] == done.symbol and done.time_ms - 3 * MINUTE <= alert["began"] <= done.end_ms)


def _is_surge(done: Surge, alert: Row) -> bool:
    return bool(alert["pair"] == done.pair and done.time_ms - MINUTE <= alert["began"] <= done.end_ms)


def _is_shift(done: Shift, alert: Row) -> bool:
    same_way = (done.mood == "good") == ("better" in alert["detail"])
    # It begins with its window of 10 minutes.
    return bool(
        alert["symbol"] == done.symbol and same_way and done.time_ms - 10 * MINUTE <= alert["began"] <= done.end_ms
    )


def _sum(one: Score, other: Score) -> Score:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]


def _shown(score: Score) -> tuple[str, str, str, str]:
    done, hits, found, true = score
    recall = f"{hits / done:.2f}" if done else "–"
    return str(done), str(found), recall, f"{true / found:.2f}" if found else "–"


if __name__ == "__main__":
    main()
