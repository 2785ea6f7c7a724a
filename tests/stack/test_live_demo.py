"""`tidemark demo --live`, against a server that speaks for all exchanges and feeds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from flink_jobs import cluster
from tests.captures import captures
from tests.exchange.apis import Apis
from tests.exchange.server import ExchangeServer, Reply, binance_frames, rss
from tests.stack.conftest import run
from tests.world import World

pytestmark = pytest.mark.stack

_TRADES = 400


@pytest.fixture
def demo(world: World) -> Iterator[World]:
    """A world whose jobs are cancelled at the end."""
    try:
        yield world
    finally:
        cluster.forget(world.settings)


def _settings(http: str, websocket: str) -> dict[str, Any]:
    return {
        "BINANCE__WS_URL": websocket,
        "BINANCE__REST_URL": http,
        "BINANCE__PAIRS": ["BTC/USDT"],
        "KRAKEN__WS_URL": f"{websocket}/v2",
        "BITSTAMP__WS_URL": f"{websocket}/bitstamp",
        "COINGECKO__URL": f"{http}/api/v3",
        "NEWSAPI__URL": f"{http}/v2/everything",
        "RSS__FEEDS": {"News": f"{http}/feed", "Blocked": f"{http}/blocked"},
        "FRED__CSV_URL": f"{http}/graph/fredgraph.csv",
        "FRED__SERIES": {"DFF": "daily"},
        "FEAR_GREED__URL": f"{http}/fng/",
        "PRODUCERS__RECONNECT_MAX": "1s",
        "WATERMARKS__IDLE": "3s",
        "WATERMARKS__ARTICLES_IDLE": "3s",
    }


def _now(frames: list[str]) -> list[str]:
    """Return ``frames`` of Binance with their times moved so that the first is of now."""
    events = [json.loads(frame) for frame in frames]
    shift = round(datetime.now(timezone.utc).timestamp() * 1000) - events[0]["data"]["T"]
    for event in events:
        event["data"] |= {name: event["data"][name] + shift for name in ("E", "T")}
    return [json.dumps(event) for event in events]


def test_every_source_without_a_key_is_taken_and_every_message_accounted_for(demo: World) -> None:
    frames = binance_frames(captures() / "trades" / "binance_btcusdt_2021-01-08.csv")[:_TRADES]
    kraken = (captures() / "frames" / "kraken_v2.jsonl").read_text().splitlines()
    article = ("Bitcoin soars", "http://news.test/a", "<p>Great gains for BTC</p>", datetime.now(timezone.utc))
    with ExchangeServer(
        binance=_now(frames),
        kraken=kraken,
        feeds={"/feed": [Reply(rss(article))], "/blocked": [Reply("no", 403)]},
        pace=0.01,
        apis=Apis(series={"DFF": {"2021-01-08": "0.09"}}),
    ) as server:
        done = run(demo, "demo", "--live", "--minutes", "0.1", **_settings(server.http_url, server.ws_url))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All accounts balance" in done.stdout
    assert "without newsapi: newsapi needs an API key" in done.stdout
    assert "without coinmarketcap" in done.stdout
    sources = {
        line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if re.match(r" [a-z]\S+ +\d", line)
    }
    assert sources["binance"] == str(_TRADES)
    assert (sources["rss:News"], sources["rss:Blocked"], sources["fred:DFF"]) == ("1", "0", "1")
    assert {"bitstamp", "coingecko", "fear_greed", "kraken"} < {*sources}
    assert re.search(r"rss:Blocked .*403", done.stdout)
    assert len([row for row in demo.rows("trade_data") if row["source"] == "binance"]) == _TRADES
    assert len(demo.rows("macro_data")) == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_without_a_network_it_says_so_before_a_job_is_submitted(world: World) -> None:
    done = run(world, "demo", "--live", **_settings("http://127.0.0.1:9", "ws://127.0.0.1:9"))
    assert done.returncode == 1
    assert done.stderr.startswith("Nothing came from any exchange or feed.\nIs there a network connection?")
    assert "Submitting" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
