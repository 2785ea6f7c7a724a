"""How far the jobs are: whether all that the topics hold has come out at the other end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from flink_jobs import cluster, variables
from tidemark import kafka_clients
from tidemark.errors import UserError
from tidemark.settings import Settings

# Which topics a job reads, by their names in settings.topics.
INPUTS = {
    "ingest": variables.INPUTS,
    "enrich": ("trades", "articles"),
    "analytics": ("trades", "articles"),
    "alerts": ("trades", "tickers"),
    # Not the dead letters too: the end of each of their transactions takes an offset that no reader ever reaches.
    "quality": ("trades", "tickers"),
    "lake": variables.INPUTS,
}


def lag(settings: Settings, names: Iterable[str]) -> dict[str, int]:
    """Return by job how many messages lie behind what its last checkpoint covers."""
    from kafka.errors import RetriableError

    names = list(names)
    with kafka_clients.admin(settings) as admin:
        topics = {key: getattr(settings.topics, key) for name in names for key in INPUTS[name]}
        first, last = kafka_clients.ends(admin, topics.values(), committed=False)
        behind = {}
        for name in names:
            group = f"tidemark-{name}"
            try:
                committed = admin.list_group_offsets(group)[group]
            except RetriableError:  # the broker is still making the topic that offsets are kept in
                committed = {}
            read = {topics[key] for key in INPUTS[name]}
            behind[name] = sum(
                last[partition] - max(first[partition], _offset(committed.get(partition)))
                for partition in first
                if partition.topic in read
            )
    return behind


def _offset(committed: Any) -> int:
    return committed.offset if committed is not None else 0


def settle(
    settings: Settings, names: Iterable[str], report: Callable[[dict[str, int]], None], timeout: float = 300
) -> None:
    """Wait until the jobs have read everything, no window can close any more, and the sinks have written it all.

    That is so once nothing lags, and the watermarks have stood still for longer than it takes a silent partition to
    be left out of account; a checkpoint then makes the sinks write what they hold. ``report`` gets the lag by job.
    Raises UserError where that takes longer than ``timeout`` seconds.
    """
    names = list(names)
    until = time.monotonic() + timeout
    quiet = settings.watermarks.articles_idle.total_seconds() + 1.5
    marks: dict[str, Any] = {}
    since = time.monotonic()
    while time.monotonic() < until:
        now = {name: cluster.watermarks(settings, name) for name in names}
        if now != marks:
            marks, since = now, time.monotonic()
        behind = lag(settings, names)
        report(behind)
        if not any(behind.values()) and time.monotonic() - since > quiet:
            # Transactions are committed after a checkpoint, but for certain before the next one.
            for name in [*names, *names]:
                cluster.checkpoint(settings, name)
            return
        if behind.get("lake") and not any(count for name, count in behind.items() if name != "lake"):
            cluster.checkpoint(settings, "lake")  # its own come seldom, and it is they that say how far it is
        time.sleep(0.5)
    late = ", ".join(f"{name} by {count:,} messages" for name, count in lag(settings, names).items() if count)
    raise UserError(
        f"The jobs did not finish within {timeout:.0f} seconds{f': behind are {late}' if late else ''}.",
        "Look at them in Flink's web UI (`tidemark status` shows where it is).",
    )
