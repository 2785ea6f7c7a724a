"""How far the jobs are: whether all that the topics hold has come out at the other end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flink_jobs import cluster, variables
from tidemark import kafka_clients
from tidemark.errors import UserError
from tidemark.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

# Which topics a job reads, by their names in settings.topics.
INPUTS = {
    "ingest": variables.INPUTS,
    "enrich": ("trades", "articles", "macro"),
    "analytics": ("trades", "articles", "prices"),
    "alerts": ("trades", "tickers", "prices", "articles", "market_sentiment"),
    # Not the dead letters too: the end of each of their transactions takes an offset that no reader ever reaches.
    "quality": ("trades", "tickers", "articles", "prices"),
    "lake": variables.INPUTS,
}
# Which jobs read their topics as text too, for what is not JSON.
READS_TEXT = ("ingest",)
# Which topics the jobs write, in transactions.
OUTPUTS = ("alerts", "dead_letters")


def lag(settings: Settings, names: Iterable[str]) -> dict[str, int]:
    """Return by job how many messages lie behind what its last checkpoint covers."""
    names = list(names)
    with kafka_clients.admin(settings) as admin:
        topics = {key: getattr(settings.topics, key) for name in names for key in INPUTS[name]}
        first, last = kafka_clients.ends(admin, topics.values(), committed=False)
        behind = {}
        for name in names:
            groups = [_committed(admin, group) for group in _groups(name)]
            read = {topics[key] for key in INPUTS[name]}
            behind[name] = sum(
                last[partition] - max(first[partition], min(group.get(partition, 0) for group in groups))
                for partition in first
                if partition.topic in read
            )
    return behind


def _uncommitted(settings: Settings) -> bool:
    """Return whether a transaction of a job is still open; a busy broker commits long after the checkpoint."""
    with kafka_clients.admin(settings) as admin:
        topics = [getattr(settings.topics, key) for key in OUTPUTS]
        _, ends = kafka_clients.ends(admin, topics, committed=False)
        _, stable = kafka_clients.ends(admin, topics, committed=True)
        return ends != stable


def _groups(name: str) -> list[str]:
    group = variables.consumer_group(name)
    return [group, variables.consumer_group(name, text=True)] if name in READS_TEXT else [group]


def _committed(admin: KafkaAdminClient, group: str) -> dict[Any, int]:
    """Return the offset that a consumer group has committed in each partition."""
    from kafka.errors import RetriableError

    try:
        return {partition: found.offset for partition, found in admin.list_group_offsets(group)[group].items()}
    except RetriableError:  # the broker is still making the topic that offsets are kept in
        return {}


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
            # Twice, for a job that reads what another has only committed after its own first one.
            for name in [*names, *names]:
                cluster.checkpoint(settings, name)
            if "lake" in names:  # Iceberg's files are committed after a checkpoint, but for certain before the next one
                cluster.checkpoint(settings, "lake")
            break
        if behind.get("lake") and not any(count for name, count in behind.items() if name != "lake"):
            cluster.checkpoint(settings, "lake")  # its own come seldom, and it is they that say how far it is
        time.sleep(0.5)
    while time.monotonic() < until:
        if not _uncommitted(settings):
            return
        time.sleep(0.5)
    late = ", ".join(f"{name} by {count:,} messages" for name, count in lag(settings, names).items() if count)
    raise UserError(
        f"The jobs did not finish within {timeout:.0f} seconds{f': behind are {late}' if late else ''}.",
        "Look at them in Flink's web UI (`tidemark status` shows where it is).",
    )
