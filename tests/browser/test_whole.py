"""The dashboard on the whole real stack: trades go into Kafka, jobs run, and what comes of it is on the page."""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from stack import ports
from tests.browser.conftest import Visitors
from tests.browser.test_shown import PANELS
from tests.stack.conftest import TIDEMARK, all_jobs, environment
from tests.world import World, wait_for
from tidemark.settings import Flink

# Soak: its bound is in seconds, which a machine that has just started all jobs, or does other work, does not keep.
pytestmark = [pytest.mark.stack, pytest.mark.soak]

PAIRS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
HISTORY = 180  # seconds of trades that were before
JUMP = 1.05
SOON = 5.0  # seconds
STEP = 0.25


class Market:
    """Three markets that trade four times a second, each at its price, until closed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = Event()
        self._sent = 0
        self.prices = dict.fromkeys(PAIRS, 100.0)
        self._put(time.time() - second / 2 for second in range(HISTORY * 2, 0, -1))
        self._thread = Thread(target=self._trade)

    def _put(self, times: Iterable[float]) -> None:
        self._world.put("trades", [trade for at in times for trade in self._trades(at)], _partition)

    def _trades(self, at: float) -> Iterator[dict[str, Any]]:
        for pair, price in self.prices.items():
            self._sent += 1
            moved = price * (1 + 0.0002 * (self._sent % 7 - 3))
            yield {
                "source": "binance",
                "symbol": pair.partition("/")[0],
                "pair": pair,
                "trade_id": str(self._sent),
                "price": round(moved, 4),
                "quantity": 1.0,
                "side": "buy",
                "event_time": int(at * 1000),
                "ingest_time": int(at * 1000),
            }

    def _trade(self) -> None:
        while not self._stop.wait(STEP):
            self._put([time.time()])

    def __enter__(self) -> Market:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def jump(self, pair: str) -> float:
        """Let the price of ``pair`` jump from its next trade on; return when."""
        self.prices[pair] *= JUMP
        return time.time()


def _partition(trade: dict[str, Any]) -> int:
    return PAIRS.index(trade["pair"])


@contextmanager
def api(world: World, folder: Path) -> Iterator[str]:
    """Run the API on the topics and the database of ``world``; gives its address."""
    port = ports.any_free()
    with (folder / "api.log").open("w") as log:
        process = subprocess.Popen(
            [TIDEMARK, "api", "--port", str(port)],
            env=environment(world),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _ready(address), "the API", 60)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _ready(address: str) -> bool:
    try:
        return requests.get(f"{address}/healthz/live", timeout=2).ok
    except requests.ConnectionError:
        return False


def test_a_spike_is_on_the_page_within_five_seconds_and_the_page_shows_what_is_stored(
    case: Callable[..., World], visit: Visitors, tmp_path: Path
) -> None:
    # As often as users' jobs are saved, not as other tests': an alert is seen once it is committed.
    pace = Flink().model_dump(include={"checkpoint_interval", "alerts_checkpoint_interval"})
    world = case(watermarks={"idle": "3s", "articles_idle": "3s"}, flink=pace)
    with all_jobs(world) as settle, api(world, tmp_path) as address:
        with Market(world) as market:
            wait_for(lambda: world.rows("trade_data"), "the first trades", 60)
            page = visit(f"{address}/?coin=BTC&market=BTC-USDT.binance&candles=1m").page
            expect(page.locator("#connection")).to_have_attribute("data-state", "live")
            expect(page.locator("#price")).to_have_attribute("data-state", "ready")
            page.evaluate("window.same = true")
            price = page.locator("#price .last .number")
            expect(price).not_to_have_text(price.text_content() or "")  # it moves

            taken = []
            for pair in PAIRS:
                at = market.jump(pair)
                row = page.locator("#alerts .row", has_text=pair).filter(has_text=re.compile("spike", re.IGNORECASE))
                expect(row.first).to_be_visible(timeout=30_000)
                taken.append(time.time() - at)
            assert statistics.median(taken) < SOON, taken
        settle()
        last = max(
            (row for row in world.rows("trade_data") if row["pair"] == "BTC/USDT"), key=lambda row: row["event_time"]
        )
        expect(price).to_have_text(f"{last['price']:,.2f}")
        stored = {row["alert_id"] for row in world.rows("alert_data")}
        shown = page.locator("#alerts .row").evaluate_all("rows => rows.map((row) => row.dataset.id)")
        assert {*shown} <= stored
        assert len(shown) >= len(PAIRS)
        states = {panel: page.locator(f"#{panel}").get_attribute("data-state") for panel in PANELS}
        assert {*states.values()} <= {"ready", "empty"}, states
        assert page.evaluate("window.same")  # it was not loaded anew
