"""What the end-to-end tests share: the real command, pointed at a world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flink_jobs import cluster, progress
from tests.world import World

TIDEMARK = Path(sys.executable).with_name("tidemark")


def environment(world: World, **settings: Any) -> dict[str, str]:
    """Return the environment that gives the command the settings of ``world``, and ``settings`` (GROUP__NAME=value)."""
    found = world.settings
    given = {
        "DATA_DIR": str(found.data_dir),
        "POSTGRES__DATABASE": found.postgres.database,
        "LAKE__ENABLED": str(found.lake.enabled),
        **({"LAKE__WAREHOUSE": found.lake.warehouse} if found.lake.warehouse else {}),
        **{f"TOPICS__{key.upper()}": name for key, name in found.topics.model_dump().items()},
        **settings,
    }
    texts = {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in given.items()}
    return {**os.environ, **{f"TIDEMARK_{key}": text for key, text in texts.items()}}


def run(world: World, *words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run `tidemark` with ``words`` in ``world`` to its end."""
    return subprocess.run(
        [TIDEMARK, *words], env=environment(world, **settings), capture_output=True, text=True, timeout=240, check=False
    )


@contextmanager
def all_jobs(world: World) -> Iterator[Callable[[], None]]:
    """Run the jobs in ``world`` as users do; gives a function that waits until they have worked everything off."""
    jobs = cluster.default_jobs(world.settings)
    cluster.submit(world.settings, jobs, lambda text: None)
    try:
        yield lambda: progress.settle(world.settings, jobs, lambda behind: None)
    finally:
        cluster.forget(world.settings)


@pytest.fixture
def world(case: Callable[..., World]) -> World:
    """Return a world whose silent partitions hold nothing back for long."""
    return case(watermarks={"idle": "3s", "articles_idle": "3s"})
