"""The three inputs, run through all jobs once, for every test to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.sql import inputs
from tests.sql.inputs import Input, Put
from tests.world import World

KINDS = ("tidy", "shuffled", "hostile")
JOBS = ("ingest", "enrich", "analytics", "alerts")


@dataclass
class Run:
    """A world in which all jobs have run over an input; ``placed`` says where each of its messages came to lie."""

    world: World
    input: Input
    placed: dict[tuple[str, int, int], Put] = field(default_factory=dict)

    def put(self) -> None:
        """Send the input."""
        for topic, puts in self.input.puts.items():
            for partition, mine in inputs.by_partition(puts).items():
                offsets = self.world.put(topic, [put.value for put in mine], partition)
                self.placed.update({(topic, *place): put for place, put in zip(offsets, mine, strict=True)})


@pytest.fixture(scope="session")
def runs(case: Callable[..., World]) -> Callable[[str], Run]:
    """Return a function that gives the run over an input, which is made on first use."""
    made: dict[str, Run] = {}

    def run(kind: str) -> Run:
        if kind not in made:
            made[kind] = Run(case(watermarks={"alerts": "10s"}), inputs.make(kind))
            made[kind].put()
            made[kind].world.run(*JOBS)
        return made[kind]

    return run


@pytest.fixture(scope="session", params=KINDS)
def run(request: pytest.FixtureRequest, runs: Callable[[str], Run]) -> Run:
    """Return the run over each input."""
    return runs(request.param)
