"""What settings, late trades and silent partitions do to windows."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.sql import inputs, models, oracle
from tests.sql.inputs import START, trade
from tests.sql.test_analytics import CANDLE, agree
from tests.world import Row, World, wait_for

pytestmark = pytest.mark.stack

MINUTE = 60_000


def test_settings_change_windows_and_thresholds(case: Callable[..., World]) -> None:
    world = case(
        windows={
            "bar": "2s",
            "candle": "5m",
            "candle_medium": "15m",
            "candle_large": "30m",
            "stats": "20m",
            "stats_slide": "10m",
            "prediction": "2m",
            "prediction_slide": "20s",
            "prediction_horizon": "40s",
            "prediction_half_life": "30s",
            "prediction_memory": 7,
            "score": "10m",
            "score_long": "20m",
            "score_long_slide": "10m",
        },
        alerts={"spike_pct": 2, "spike_lookback": "30s", "price_change_pct": 1.5},
    )
    given = inputs.make("tidy")
    for topic in ("trades", "tickers"):
        for partition, puts in inputs.by_partition(given.puts[topic]).items():
            world.put(topic, [put.value for put in puts], partition)
    world.run("analytics", "alerts")
    trades = given.sound["trades"]
    found = oracle.keyed(world.rows("candles"), *CANDLE)
    sizes = (("5m", 5), ("15m", 15), ("30m", 30))
    candles = [row for name, minutes in sizes for row in oracle.candles(trades, minutes * MINUTE, name)]
    assert found == oracle.keyed(candles, *CANDLE)
    setup = models.Setup(size=2 * MINUTE, slide=20_000, horizon=40_000, half_life=30_000, memory=7, bar=2_000)
    agree(world.rows("prediction_data"), models.predictions(trades, setup))
    assert {
        (row["score_window"], row["window_end"] - row["window_start"]) for row in world.rows("prediction_score")
    } == {
        ("10m", 10 * MINUTE),
        ("20m", 20 * MINUTE),
    }
    alerts = oracle.spikes(trades, 2.0, 30_000, bar=2_000) + oracle.price_changes(
        given.sound["tickers"], 1.5, bar=2_000
    )
    assert {
        row["alert_id"]: row["change_pct"]
        for row in oracle.newest(world.topic("alerts"))
        if row["alert_type"] == "price_change" or (row["alert_type"] == "spike" and " within " not in row["detail"])
    } == {alert["alert_id"]: alert["change_pct"] for alert in alerts}


def test_exactly_what_is_behind_the_watermark_is_in_no_candle(case: Callable[..., World]) -> None:
    world = case(kafka={"partitions": 1}, watermarks={"emit": "on-event", "articles_idle": "1s"})
    rng = Random(11)
    sent: list[Row] = []
    for number in range(1_500):
        delay = rng.choice((0, 0, 0, rng.randrange(9_000, 12_000), rng.randrange(40_000)))
        at = max(START, START + number * 200 + rng.randrange(200) - delay)
        sent.append(trade(rng.choice(("A/USD", "B/USD")), str(number), at, float(rng.randrange(1, 100))))
        if number % 100 == 50:  # rejected, and yet it moves the time on, unless the time is what is wrong
            sent.append({**sent[-1], "trade_id": f"x{number}", "price": 0, "event_time": START + number * 200 + 5_000})
            sent.append({**sent[-1], "event_time": 4_000_000_000_000})
    in_time: list[Row] = []
    watermark = -1
    for value in sent:
        bar_end = value["event_time"] // 1_000 * 1_000 + 1_000
        if value["price"] and bar_end - 1 > watermark:
            in_time.append(value)
        if value["event_time"] < 4_000_000_000_000:
            watermark = max(watermark, value["event_time"] - 10_000)
    valid = [value for value in sent if value["price"]]
    assert 100 < len(valid) - len(in_time) < 800
    expected = oracle.keyed(oracle.candles(in_time), *CANDLE)

    def candles() -> dict[tuple[Any, ...], Row]:
        rows = [row for row in world.rows("candles") if row["symbol"] in ("A", "B") and row["resolution"] == "1m"]
        return oracle.keyed(rows, *CANDLE)

    with world.running("analytics"), world.running("ingest"):
        # Until the empty topic of heartbeats is known to be silent, it holds the time back, and nothing is late.
        for name, at in (("0", START - 10 * MINUTE), ("1", START - 5 * MINUTE)):
            world.put("trades", [trade("PROBE/USD", name, at, 1.0)])
        wait_for(lambda: world.rows("candles"), "the probe's candle", 90)
        world.put("trades", [*sent, trade("PROBE/USD", "2", START + 60 * MINUTE, 1.0)])
        wait_for(lambda: candles().keys() == expected.keys(), "the candles", 90)
        stored = {value["trade_id"] for value in valid} | {"0", "1", "2"}
        wait_for(lambda: {row["trade_id"] for row in world.rows("trade_data")} == stored, "the trades", 90)
    assert candles() == expected


def test_a_silent_partition_holds_no_window_back(case: Callable[..., World]) -> None:
    world = case(watermarks={"idle": "2s"})

    def send(partition: int, first: int, last: int) -> None:
        pair = f"P{partition}/USD"
        world.put("trades", [trade(pair, str(at), START + at * 1_000, 1.0) for at in range(first, last)], partition)

    def windows() -> set[tuple[str, int]]:
        rows = [row for row in world.rows("candles") if row["resolution"] == "1m"]
        return {(row["symbol"], (row["window_start"] - START) // MINUTE) for row in rows}

    send(0, 0, 200)
    send(1, 0, 200)
    with world.running("analytics"):  # partition 2 never has a message …
        first = {(symbol, minute) for symbol in ("P0", "P1") for minute in range(3)}
        wait_for(lambda: windows() == first, "the windows of two partitions", 90)
        send(0, 200, 400)  # … and now partition 1 falls silent
        more = first | {("P1", 3)} | {("P0", minute) for minute in range(3, 6)}
        wait_for(lambda: windows() == more, "the windows of one partition", 90)
