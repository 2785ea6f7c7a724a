"""The dashboard in a real Chromium, on a real API process and a PostgreSQL that holds a market of the last 30 days."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from stack import ports
from tests.browser.chromium import chromium
from tests.browser.desk import Desk
from tests.browser.served import DOWN
from tests.storage.conftest import Database, server  # noqa: F401 - pytest finds it here
from tests.world import wait_for
from tidemark.paths import ROOT
from tidemark.settings import Settings

expect.set_options(timeout=15_000)
_SWITCHES = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
ZONE = "America/New_York"


@dataclass
class Site:
    """A running API, what is in its database, and words to put into its live stream."""

    address: str
    database: Database
    desk: Desk
    said: Path

    def say(self, kind: str, data: dict[str, Any]) -> None:
        """Send an event to whoever listens."""
        with self.said.open("a", encoding="utf-8") as file:
            file.write(f"{kind} {json.dumps(data)}\n")

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what PostgreSQL has."""
        return self.database.run(statement, *values, role="reader")

    def ask(self, path: str) -> Any:
        """Return what the API answers."""
        with urllib.request.urlopen(f"{self.address}/api/v1/{path}", timeout=10) as answer:  # noqa: S310 - our own
            return json.load(answer)

    def stream(self, *, up: bool) -> None:
        """Let there be a live stream, or none."""
        down = self.said.parent / DOWN
        down.unlink(missing_ok=True)
        if not up:
            down.touch()


@dataclass
class Shown:
    """A page, and all that it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def asked(self, url: str, address: str) -> None:
        if url.split("/")[:3] != address.split("/")[:3]:
            self.complaints.append(f"asked for {url}")

    def noted(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    try:
        found = chromium()
    except OSError as error:
        pytest.skip(f"No Chromium is on the PATH, and none could be installed: {error}")
    with sync_playwright() as started:
        made = started.chromium.launch(
            executable_path=found.path, args=_SWITCHES, env={**os.environ, **found.environment}
        )
        yield made
        made.close()


@pytest.fixture(scope="package")
def filled(browser: Browser, server: Settings) -> tuple[Database, Desk]:  # noqa: F811
    """Return a database with a market in it. Where there is no browser, nothing is made for it."""
    made = Database(server)
    made.migrate()
    desk = Desk(datetime.now(timezone.utc))
    desk.store(made)
    return made, desk


def serve(made: Database, desk: Desk, folder: Path, stack: ExitStack, **api: str) -> Site:
    """Run the API on a database until ``stack`` is closed; ``api`` are settings of it."""
    said = folder / "said"
    said.touch()
    port = ports.any_free()
    site = Site(f"http://127.0.0.1:{port}", made, desk, said)
    config = made.settings
    environment = os.environ | {f"TIDEMARK_API__{name.upper()}": value for name, value in api.items()}
    environment |= {
        "TIDEMARK_DATA_DIR": str(config.data_dir),
        "TIDEMARK_POSTGRES__DATABASE": config.postgres.database,
        "PYTHONPATH": str(ROOT),
    }
    log = stack.enter_context((folder / "api.log").open("w"))
    command = [sys.executable, "-m", "tests.browser.served", str(port), str(said)]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    wait_for(lambda: _answers(site.address), "the API", 60)
    return site


@pytest.fixture(scope="package")
def site(filled: tuple[Database, Desk], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with ExitStack() as stack:
        yield serve(*filled, tmp_path_factory.mktemp("site"), stack)


@pytest.fixture(scope="package")
def bare(browser: Browser, server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:  # noqa: F811
    """Return a site on a database without a row."""
    made = Database(server)
    made.migrate()
    with ExitStack() as stack:
        yield serve(made, Desk(datetime.now(timezone.utc)), tmp_path_factory.mktemp("bare"), stack)


class Visitors:
    """Makes pages: each is a visitor of its own."""

    def __init__(self, browser: Browser, stack: ExitStack) -> None:
        self._browser = browser
        self._stack = stack
        self._made: list[Shown] = []

    def __call__(
        self,
        address: str,
        *,
        width: int = 1440,
        height: int = 900,
        theme: Any = "dark",
        complains: bool = False,
        **more: Any,
    ) -> Shown:
        """Return a page at ``address``; ``complains``: it may, of what the test does to it."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            locale="en-GB",
            timezone_id=ZONE,
            reduced_motion="reduce",
            **more,
        )
        self._stack.callback(context.close)
        page = context.new_page()
        page.set_default_timeout(15_000)
        shown = Shown(page)
        page.on("console", shown.noted)
        page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        page.on("request", lambda sent: shown.asked(sent.url, address))
        page.goto(address)
        if not complains:
            self._made.append(shown)
        return shown

    def check(self) -> None:
        """Fail where a page had something on its console, or asked somebody else for something."""
        assert [complaint for shown in self._made for complaint in shown.complaints] == []


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visitors]:
    with ExitStack() as stack:
        visitors = Visitors(browser, stack)
        yield visitors
        visitors.check()


@pytest.fixture(scope="module")
def visit_all(browser: Browser) -> Iterator[Visitors]:
    """Return a maker of pages that all tests of a module look at."""
    with ExitStack() as stack:
        visitors = Visitors(browser, stack)
        yield visitors
        visitors.check()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz/live", timeout=2) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)
    except OSError:
        return False
