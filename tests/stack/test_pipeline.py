"""The whole pipeline on real parts: producers, fed by a server that plays what exchanges sent, to PostgreSQL."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from flink_jobs import cluster, progress
from stack import local
from tests.captures import captures
from tests.exchange.server import ExchangeServer, Reply, binance_frames, rss
from tests.stack.conftest import TIDEMARK, all_jobs, environment, run
from tests.world import World, wait_for

pytestmark = pytest.mark.stack

_MINUTE_MS = 60_000
_NEWS = (
    "Bitcoin soars to a great new high",
    "http://news.test/a?utm_source=x",
    "<p>Great gains for <b>BTC</b></p>",
)


def _trades() -> list[dict[str, str]]:
    with (captures() / "trades" / "binance_btcusdt_2021-01-08.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _frames(name: str) -> list[str]:
    return (captures() / "frames" / f"{name}.jsonl").read_text().splitlines()


@contextmanager
def _producing(world: World, server: ExchangeServer, *sources: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tidemark produce` against ``server``; at the end it must stop in good order."""
    settings = environment(
        world,
        BINANCE__WS_URL=server.ws_url,
        BINANCE__PAIRS=["BTC/USDT"],
        KRAKEN__WS_URL=f"{server.ws_url}/v2",
        KRAKEN__PAIRS=["BTC/USD", "XMR/USD"],
        PRODUCERS__RECONNECT_MAX="1s",
    )
    with subprocess.Popen([TIDEMARK, "produce", *sources], env=settings) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_real_trades_reach_every_table_and_a_killed_taskmanager_changes_nothing(case: Callable[..., World]) -> None:
    # These trades are of 2021 and the heartbeats of the feeds of today: were trades ever silent for long enough to be
    # left out of account, the heartbeats alone would move event time on by years.
    world = case(kafka={"partitions": 1}, watermarks={"idle": "10m", "articles_idle": "3s"})
    jobs = cluster.default_jobs(world.settings)
    trades = _trades()
    published = datetime(2021, 1, 8, tzinfo=timezone.utc)
    # The same article in two feeds, once with another title: it is one.
    feeds = {
        "/feed": [Reply(rss((*_NEWS, published)))],
        "/copy": [Reply(rss((_NEWS[0] + "!", "http://news.test/a", _NEWS[2], published)))],
    }
    frames = binance_frames(captures() / "trades" / "binance_btcusdt_2021-01-08.csv")
    with (
        all_jobs(world) as settle,
        ExchangeServer(binance=frames, feeds=feeds, cut_after=[500, 700], pace=0.002) as server,
        _producing(world, server, "binance") as producer,
    ):
        addresses = {"News": f"{server.http_url}/feed", "Copy": f"{server.http_url}/copy"}
        assert run(world, "produce", "rss", "--once", RSS__FEEDS=addresses).returncode == 0
        wait_for(lambda: len(world.rows("trade_data")) > 100, "the first trades in PostgreSQL", 90)
        (manager,) = [part for part in local.part_states(world.settings) if part["name"] == "taskmanager"]
        os.kill(manager["pid"], signal.SIGKILL)
        server.wait_played("binance", 90)
        assert producer.poll() is None
        assert server.connections["binance"] == 3  # cut twice, and opened again
        wait_for(lambda: len(world.rows("trade_data")) == len(trades), "all trades in PostgreSQL", 120)
        # Each job comes back from the kill in its own time: event time must not move on before all have the article.
        wait_for(lambda: len(world.rows("article_data")) == 1, "the article in PostgreSQL", 60)
        wait_for(lambda: not any(progress.lag(world.settings, jobs).values()), "every job to have read all", 120)
        # A later trade of another pair moves event time on, so that the minute's candle and joins are complete.
        world.put("trades", [_later(published)])
        settle()

        _assert_trades(world, trades)
        _assert_candle(world, trades)
        _assert_news(world, trades)
        assert world.topic("dead_letters") == []
        assert {row["alert_id"] for row in world.rows("alert_data")} == {a["alert_id"] for a in world.topic("alerts")}
        sent = [(alert["alert_id"], alert["ended_at"] is None) for alert in world.topic("alerts")]
        assert len(sent) == len(set(sent))


def test_kraken_frames_reach_their_tables(world: World) -> None:
    frames = [*_frames("kraken_v1"), *_frames("kraken_v2")]
    sent = [json.loads(frame) for frame in frames]
    v1 = [frame for frame in sent if isinstance(frame, list)]
    v2 = [item for frame in sent if isinstance(frame, dict) for item in _items(frame)]
    sides = {"b": "buy", "s": "sell"}
    trades = Counter(
        [
            (frame[-1].replace("XBT", "BTC"), float(t[0]), float(t[1]), _millis(t[2]), sides[t[3]])
            for frame in v1
            if frame[-2] == "trade"
            for t in frame[1]
        ]
        + [
            (item["symbol"], item["price"], item["qty"], _iso_millis(item["timestamp"]), item["side"])
            for channel, item in v2
            if channel == "trade"
        ]
    )
    tickers = Counter(
        [
            (f[-1].replace("XBT", "BTC"), float(f[1]["c"][0]), float(f[1]["b"][0]), float(f[1]["a"][0]))
            for f in v1
            if f[-2] == "ticker"
        ]
        + [(item["symbol"], item["last"], item["bid"], item["ask"]) for channel, item in v2 if channel == "ticker"]
    )

    with ExchangeServer(kraken=frames) as server, _producing(world, server, "kraken"):
        wait_for(
            lambda: len(world.topic("trades")) == trades.total() and len(world.topic("tickers")) == tickers.total(),
            "all trades and tickers on their topics",
            60,
        )
    world.run("ingest")

    rows = world.rows("trade_data")
    assert Counter((r["pair"], r["price"], r["quantity"], r["event_time"], r["side"]) for r in rows) == trades
    assert Counter((r["pair"], r["last"], r["bid"], r["ask"]) for r in world.rows("ticker_data")) == tickers
    assert world.topic("dead_letters") == []


def test_a_replay_of_raw_frames_stores_the_same_and_a_second_one_adds_nothing(world: World, tmp_path: Path) -> None:
    file = tmp_path / "binance.jsonl"
    trade_frames = binance_frames(captures() / "trades" / "binance_btcusdt_2021-01-08.csv", combined=False)
    file.write_text("\n".join([*_frames("binance"), *trade_frames]) + "\n")
    for _ in range(2):
        done = run(world, "replay", str(file), "--source", "binance")
        assert done.returncode == 0, done.stderr
    world.run("ingest")
    rows = [row for row in world.rows("trade_data") if row["pair"] == "BTC/USDT"]
    assert {row["trade_id"] for row in rows} == {trade["trade_id"] for trade in _trades()}
    assert len(world.rows("trade_data")) == len(_trades()) + 2  # the capture's two aggTrade frames
    assert world.topic("dead_letters") == []


def _assert_trades(world: World, trades: list[dict[str, str]]) -> None:
    stored = {
        (r["source"], r["pair"], r["trade_id"], r["price"], r["quantity"], r["side"], r["event_time"])
        for r in world.rows("trade_data")
        if r["source"] == "binance"
    }
    assert stored == {
        (
            "binance",
            "BTC/USDT",
            t["trade_id"],
            float(t["price"]),
            float(t["quantity"]),
            "sell" if t["buyer_maker"] == "True" else "buy",
            int(t["timestamp"]),
        )
        for t in trades
    }


def _assert_candle(world: World, trades: list[dict[str, str]]) -> None:
    (candle,) = [row for row in world.rows("candles") if (row["source"], row["resolution"]) == ("binance", "1m")]
    prices = [float(trade["price"]) for trade in trades]
    volume = sum(Fraction(trade["quantity"]) for trade in trades)
    turnover = sum(Fraction(trade["price"]) * Fraction(trade["quantity"]) for trade in trades)
    first = int(trades[0]["timestamp"])
    assert (candle["window_start"], candle["window_end"]) == (
        first - first % _MINUTE_MS,
        first - first % _MINUTE_MS + _MINUTE_MS,
    )
    assert (candle["open"], candle["close"]) == (prices[0], prices[-1])  # the capture is in the order of trade ids
    assert (candle["high"], candle["low"]) == (max(prices), min(prices))
    assert candle["volume"] == float(volume)
    assert candle["vwap"] == pytest.approx(float(turnover / volume), rel=1e-15)
    assert candle["trade_count"] == len(trades)


def _assert_news(world: World, trades: list[dict[str, str]]) -> None:
    (article,) = world.rows("article_data")
    assert (article["url"], article["symbols"]) == ("http://news.test/a", ["BTC"])
    joined = [row for row in world.rows("enriched_trades") if row["source"] == "binance"]
    assert {(row["trade_id"], row["article_id"]) for row in joined} == {(t["trade_id"], article["id"]) for t in trades}
    assert len(joined) == len(trades)


def _later(published: datetime) -> dict[str, Any]:
    at = round(published.timestamp() * 1000) + 60 * _MINUTE_MS
    return {
        "source": "test",
        "symbol": "ETH",
        "pair": "ETH/USDT",
        "trade_id": "1",
        "price": 1.0,
        "quantity": 1.0,
        "side": "buy",
        "event_time": at,
        "ingest_time": at,
    }


def _items(frame: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(frame["channel"], item) for item in frame.get("data", []) if frame.get("channel") in ("trade", "ticker")]


def _millis(seconds: str) -> int:
    return int(Fraction(seconds) * 1000)


def _iso_millis(text: str) -> int:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
