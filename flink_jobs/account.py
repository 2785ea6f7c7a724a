"""Whether every message is somewhere: the account of the input topics."""

from __future__ import annotations

from dataclasses import dataclass

from flink_jobs import cluster, runner
from flink_jobs.sql_files import read_query
from flink_jobs.variables import INPUTS, variables
from tidemark.paths import FLINK_SQL
from tidemark.settings import Settings


@dataclass(frozen=True)
class Conservation:
    """The account of one topic, in messages: produced = stored + dead_lettered + duplicates + missing.

    ``missing`` are nowhere, or still under way; it is negative where some are in two places.
    """

    topic: str
    produced: int
    stored: int
    dead_lettered: int
    duplicates: int
    missing: int


def conservation(settings: Settings) -> list[Conservation]:
    """Return the account of every input topic, by sql/flink/queries/conservation.sql on the cluster."""
    values = variables(settings, "sql", bounded=True, role="reader")
    query = read_query(FLINK_SQL / "queries" / "conservation.sql", values)
    _, rows = runner.query(settings, query, cluster.client_options(settings))
    found = {row[0]: Conservation(*row) for row in rows}
    return [found.get(topic, Conservation(topic, 0, 0, 0, 0, 0)) for topic in INPUTS]
