"""Where a benchmark works: topics and a database of its own on the local stack, deleted afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stack import database, local, migrate, topics
from tidemark.settings import Settings, Topics, load


@contextmanager
def world(**groups: dict[str, Any]) -> Iterator[Settings]:
    """Start the local stack where it is down; give settings with topics and a database that nobody else uses, and
    ``groups`` of settings in place of the user's.
    """
    name = f"bench-{time.time_ns()}"
    names = {key: f"{name}.{topic}" for key, topic in Topics().model_dump().items()}
    postgres = {**groups.pop("postgres", {}), "database": name}
    settings = load(topics=names, postgres=postgres, **groups)
    local.up(settings)
    topics.create(settings)
    database.make_roles(settings)
    migrate.migrate(settings)
    try:
        yield settings
    finally:
        topics.delete(settings)
        database.drop(settings)
