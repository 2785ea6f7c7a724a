"""Time and silence while the jobs run: heartbeats close windows, and a feed that says nothing is stale."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.sql.inputs import article, ticker, trade
from tests.world import Row, World, wait_for

pytestmark = pytest.mark.stack

MINUTE = 60_000
HOUR = 60 * MINUTE


def now() -> int:
    return time.time_ns() // 1_000_000


def beat(topic: str, at: int, source: str = "binance") -> Row:
    return {"source": source, "topic": topic, "event_time": at}


def test_heartbeats_close_the_windows_of_a_quiet_market(case: Callable[..., World]) -> None:
    world = case(kafka={"partitions": 1}, watermarks={"articles_idle": "3s", "idle": "3s"})
    start = now() // HOUR * HOUR - HOUR  # no longer candle ends with the first one
    world.put("trades", [trade("BTC/USDT", "1", start, 10.0)])
    world.put("articles", [article("one", start, ["BTC"])])
    with world.running("analytics"):

        def rows(table: str, sign: Row) -> list[Row]:
            world.put("heartbeats", [sign])
            return world.rows(table)

        wait_for(lambda: rows("candles", beat("trades", start + 2 * MINUTE)), "the candle", 90, every=0.5)
        assert world.rows("sentiment_data") == []  # trades are further than news
        polled = beat("articles", start + 20 * MINUTE, "rss")
        wait_for(lambda: rows("sentiment_data", polled), "the window of sentiment", 90, every=0.5)
    (candle,) = world.rows("candles")
    assert (candle["window_start"], candle["close"], candle["trade_count"]) == (start, 10.0, 1)
    assert [row["crypto_symbol"] for row in world.rows("sentiment_data")] == ["BTC"]


def test_a_silent_feed_is_stale_once_and_one_with_heartbeats_is_not(case: Callable[..., World]) -> None:
    world = case(alerts={"stale_after": "3s"}, kafka={"partitions": 1})
    at = now()
    with world.running("alerts"):
        prices = ((at - 20_000, 10.0), (at - 10_000, 11.0), (at, 11.0))
        world.put("trades", [trade("BTC/USDT", str(time), time, price, source="binance") for time, price in prices])
        world.put("tickers", [ticker("BTC/USD", at, 10.0, source="kraken")])

        def told(kind: str) -> list[Row]:
            # The heartbeats of trades lie on the same topic, and never come: nothing may wait for them.
            world.put("heartbeats", [beat("tickers", now(), "kraken")])
            return [alert for alert in world.topic("alerts") if alert["alert_type"] == kind]

        (alert,) = wait_for(lambda: told("stale_feed"), "the alert", 90, every=0.5)
        (spike,) = wait_for(lambda: told("spike"), "the spike", 10, every=0.5)
        wait_for(lambda: world.rows("alert_data"), "its row", 30)
    assert (alert["detail"], alert["symbol"], alert["pair"]) == ("binance trades: nothing for 3 s", "", None)
    assert (alert["event_time"], alert["threshold"], alert["severity"]) == (at, 3.0, "warning")
    assert (spike["event_time"], spike["ended_at"]) == ((at - 10_000) // 1000 * 1000, None)
    (row,) = [row for row in world.rows("alert_data") if row["alert_type"] == "stale_feed"]
    assert row["alert_id"] == alert["alert_id"]
