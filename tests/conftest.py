"""The stack that tests run on: Kafka, PostgreSQL and Flink of their own, started once and deleted at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import hypothesis
import psutil
import pytest

from stack import local
from tests.world import World
from tidemark import settings as settings_module
from tidemark.paths import ROOT
from tidemark.settings import Settings

_FOLDER = ROOT / ".tidemark-test"
_KEPT = _FOLDER / "kept"

# How long an example takes says more about the machine than about what is tested.
hypothesis.settings.register_profile("tidemark", deadline=None)
hypothesis.settings.load_profile("tidemark")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-stack", action="store_true", help="leave the tests' stack up, and use the one that was left up before"
    )


def pytest_configure() -> None:
    """Let no settings of whoever runs the tests have a say in them."""
    for name in [name for name in os.environ if name.startswith("TIDEMARK_")]:
        del os.environ[name]
    os.environ["TIDEMARK_CONFIG"] = os.devnull
    Settings.model_config["env_file"] = None


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Start a stack in a folder of its own, on free ports; stop and delete it at the end, whatever happened."""
    keep = request.config.getoption("--keep-stack")
    for folder in _FOLDER.glob("[0-9]*"):  # of a run that was killed
        if not psutil.pid_exists(int(folder.name)):
            _end(settings_module.load(data_dir=folder))
    settings = settings_module.load(data_dir=_KEPT if keep else _FOLDER / str(os.getpid()))
    try:
        local.up(settings)
        yield settings
    finally:
        if not keep:
            _end(settings)


def _end(settings: Settings) -> None:
    local.down(settings)
    local.wipe(settings)


@pytest.fixture(scope="session")
def case(stack: Settings) -> Callable[..., World]:
    """Return a maker of worlds: ``case(windows={"candle": "5m"})`` has topics and a database of its own."""
    return lambda **overrides: World(stack, **overrides)
