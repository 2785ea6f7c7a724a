"""What the demo shows at its end: what went in, what came out, and whether the two agree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flink_jobs.account import Conservation
from producers.market import SOURCE, Jump, Outage
from producers.simulate import Truth
from stack import database
from tidemark.settings import Settings

# A spike is a jump's if it begins while the jump lasts, give or take a bar.
_TOLERANCE_MS = 2_000


@dataclass(frozen=True)
class Spikes:
    """Spikes found against jumps made: those of each that have their match in the other."""

    jumps: list[Jump]
    found: list[dict[str, Any]]
    hits: int  # jumps that a spike was found for
    true_spikes: int  # spikes that a jump was made for

    @property
    def recall(self) -> float:
        """Return the share of the jumps that were found."""
        return self.hits / len(self.jumps) if self.jumps else 1.0

    @property
    def precision(self) -> float:
        """Return the share of the spikes that are true."""
        return self.true_spikes / len(self.found) if self.found else 1.0


def spikes(settings: Settings, truth: Truth) -> Spikes:
    """Compare the spikes in ``alert_data`` with the jumps above the threshold that the simulator made."""
    jumps = [jump for jump in truth.jumps if abs(jump.pct) >= settings.alerts.spike_pct]
    found = database.fetch(settings, "spikes")
    pairs = [(jump, spike) for jump in jumps for spike in found if _belongs(jump, spike)]
    return Spikes(jumps, found, len({id(jump) for jump, _ in pairs}), len({id(spike) for _, spike in pairs}))


def _belongs(jump: Jump, spike: dict[str, Any]) -> bool:
    same_way = bool(spike["change_percent"] > 0) == (jump.pct > 0)
    begins_in_time = jump.time_ms - _TOLERANCE_MS <= spike["began"] <= jump.end_ms + _TOLERANCE_MS
    return bool(spike["pair"] == jump.pair) and begins_in_time and same_way


@dataclass(frozen=True)
class FeedHealth:
    """Gaps in the trade ids, and messages too late for the windows, against what the simulator did on purpose."""

    outages: list[Outage]
    gaps: list[dict[str, Any]]  # as in feed_gaps
    late: int  # rows of late_data
    sent_late: int

    @property
    def hits(self) -> int:
        """Return how many outages were found: a gap holds all the trades that were lost in it."""
        return sum(any(holds(gap, outage) for gap in self.gaps) for outage in self.outages)

    @property
    def open_trades(self) -> int:
        """Return how many trades are still missing."""
        return sum(gap["missing"] - gap["found"] for gap in self.gaps)

    @property
    def lost(self) -> int:
        """Return how many trades were never sent."""
        return sum(outage.lost for outage in self.outages)


def feed_health(settings: Settings, truth: Truth) -> FeedHealth:
    """Compare ``feed_gaps`` and ``late_data`` with the outages and the late trades of ``truth``."""
    (late,) = database.fetch(settings, "late_messages", source=SOURCE)
    sent_late = sum(counts.late for counts in truth.topics.values())
    return FeedHealth(truth.outages, database.fetch(settings, "gaps", source=SOURCE), late["messages"], sent_late)


def holds(gap: dict[str, Any], outage: Outage) -> bool:
    """Return whether a row of ``feed_gaps`` has all the trades that were lost in ``outage``."""
    last_lost = outage.first_id + outage.lost - 1
    return bool(gap["pair"] == outage.pair and gap["first_id"] <= outage.first_id and last_lost <= gap["last_id"])


def problems(
    accounts: Collection[Conservation],
    found: Spikes | None,
    health: FeedHealth | None,
    jobs: Iterable[dict[str, Any]],
    lake: Mapping[str, int] | None = None,
) -> list[str]:
    """Return what is not as it should be, in sentences; nothing where all is well. ``lake`` is rows by table."""
    wrong = [
        f"{account.topic}: {account.missing} of {account.produced:,} messages are unaccounted for"
        for account in accounts
        if account.missing
    ]
    for account in accounts if lake is not None else ():
        rows, acceptable = (lake or {}).get(f"raw.{account.topic}", 0), account.produced - account.dead_lettered
        if rows != acceptable:
            wrong.append(f"{account.topic}: the lake has {rows:,} rows of {acceptable:,} acceptable messages")
    wrong += [f"the job {job['name']} is {job['state']}" for job in jobs if job["state"] != "RUNNING"]
    if found and found.hits < len(found.jumps):
        wrong.append(f"{len(found.jumps) - found.hits} of {len(found.jumps)} jumps were not found")
    if found and found.true_spikes < len(found.found):
        wrong.append(f"{len(found.found) - found.true_spikes} of {len(found.found)} spikes are false")
    if health and health.hits < len(health.outages):
        wrong.append(f"{len(health.outages) - health.hits} of {len(health.outages)} outages were not found")
    if health and health.open_trades != health.lost:
        wrong.append(f"{health.open_trades:,} trades are missing, but {health.lost:,} were lost")
    return wrong
