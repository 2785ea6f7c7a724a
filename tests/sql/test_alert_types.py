"""Every type of alert against an oracle: in order, in ten other orders, among late, repeated and malformed messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import accumulate
from random import Random
from typing import Any

import pytest

from producers.market import MINUTE, Market, MarketConfig
from tests.sql import inputs, oracle
from tests.sql.inputs import BOUNDS, START, Put, Topics, by_partition, price, ticker, trade
from tests.world import Row, World

pytestmark = pytest.mark.stack

COPIES = 11  # the first in order, the others each in an order of its own
TYPES = {
    "price_change",
    "daily_move",
    "spike",
    "zscore",
    "divergence",
    "volume_surge",
    "sentiment_shift",
}


@cache
def market() -> Topics:
    """Return what happens to a few coins, and what is said of them, in 50 minutes; every type of alert comes of it."""
    config = MarketConfig(START, minutes=50, seed=9, trades_per_second=0.5, coins=3, surges=1, shifts=1)
    sound: Topics = {topic: [] for topic in BOUNDS}
    for message in Market(config).messages():
        sound[message.topic].append(message.value)
    sound["market_sentiment"] = []
    sound["macro"] = []
    # A climb that no minute shows, up and down; and a change in 24 h that hovers about the threshold, then turns.
    up = list(accumulate([100.0] + [1.0004] * 100, lambda at, times: at * times))
    for number, at in enumerate([*[100.0] * 60, *up, *up[::-1], *[100.0] * 60]):
        at_ms = START + number * 8_000
        sound["trades"].append(trade("SLOW/USDT", f"s{number}", at_ms, round(at, 4), 2.0, source="venue"))
    for number, change in enumerate((4.9, 5.1, 4.9, 5.3, 4.99, 0.0, None, 0.0, -6.0, -7.5, 0, 0, 0)):
        at_ms = START + number * 3 * MINUTE
        sound["prices"].append(price("DAY", at_ms, 10.0, change_24h=change))
    for values in sound.values():
        values.sort(key=lambda value: value["event_time"])
    return sound


def renamed(value: Row, number: int) -> Row:
    """Return a message as one about coins that only one copy has."""
    if "cryptocurrencies_mentioned" in value:
        mentioned = [f"{symbol}X{number}" for symbol in value["cryptocurrencies_mentioned"]]
        return {**value, "id": f"{number:x}{value['id'][1:]}", "cryptocurrencies_mentioned": mentioned}
    symbol = f"{value['symbol']}X{number}"
    pair = {"pair": f"{symbol}/USDT"} if "pair" in value else {}
    return {**value, "symbol": symbol, **pair}


def copies() -> tuple[Topics, dict[str, list[Put]]]:
    """Return the messages of all copies, and how they arrive: each copy in its own order within the bound."""
    sound: Topics = {topic: [] for topic in BOUNDS}
    puts: dict[str, list[Put]] = {}
    for topic, values in market().items():
        arrivals: list[tuple[float, int, Put]] = []
        for number in range(COPIES):
            rng = Random(number)
            for value in values:
                mine = renamed(value, number)
                sound[topic].append(mine)
                delay = rng.random() * BOUNDS[topic] if number else 0.0
                put = Put(inputs.partition(mine), mine)
                arrivals.append((mine["event_time"] + delay, len(arrivals), put))
        puts[topic] = [put for _, _, put in sorted(arrivals, key=lambda arrival: arrival[:2])]
    return sound, puts


def put(world: World, puts: dict[str, list[Put]]) -> None:
    for topic, values in puts.items():
        for partition, mine in by_partition(values).items():
            world.put(topic, [one.value for one in mine], partition)


@pytest.fixture(scope="module")
def in_copies(case: Callable[..., World]) -> tuple[Topics, list[Row]]:
    world = case(watermarks={"alerts": "10s"})
    sound, puts = copies()
    put(world, puts)
    world.run("alerts")
    return sound, world.topic("alerts")


def test_each_type_is_what_the_oracle_says(in_copies: tuple[Topics, list[Row]]) -> None:
    sound, found = in_copies
    assert {alert["alert_type"] for alert in found} == TYPES
    oracle.check_alerts(found, oracle.alerts(sound))


def test_ten_orders_of_arrival_give_no_other_alert(in_copies: tuple[Topics, list[Row]]) -> None:
    def of(number: int) -> list[tuple[Any, ...]]:
        names = ("alert_type", "price", "change_pct", "threshold", "severity", "event_time")
        mine = [alert for alert in in_copies[1] if alert["symbol"].endswith(f"X{number}")]
        return sorted(
            (*(str(alert[name]) for name in names), alert["detail"].replace(f"X{number}", "")) for alert in mine
        )

    assert len(of(0)) > 10
    for number in range(1, COPIES):
        assert of(number) == of(0)


def test_an_event_is_one_alert(in_copies: tuple[Topics, list[Row]]) -> None:
    mine = [alert for alert in oracle.newest(in_copies[1]) if alert["symbol"].endswith("X0")]
    slow = [alert for alert in mine if alert["symbol"] == "SLOWX0" and alert["alert_type"] == "spike"]
    assert [alert["change_pct"] > 0 for alert in slow] == [True, False]
    assert all(" within 5m at its peak" in alert["detail"] for alert in slow)
    daily = [alert["change_pct"] for alert in mine if alert["alert_type"] == "daily_move"]
    assert daily == [5.3, -7.5]
    assert Counter(alert["alert_type"] for alert in mine)["volume_surge"] == 1


def test_nothing_hostile_changes_an_alert(case: Callable[..., World]) -> None:
    """Late, repeated and malformed messages, a silent partition, and sources that disagree about everything."""
    sound = {topic: [*values] for topic, values in market().items()}
    sound["market_sentiment"] = [inputs.mood(START - day * 1440 * MINUTE, day * 37 % 100) for day in range(8)]
    sound["prices"] = [
        *sound["prices"],
        *(price("BTC", START + minute * MINUTE, 50_000.0, "liar") for minute in range(20)),
        *(price("SLOW", START + minute * MINUTE, 1e9, "liar") for minute in range(40)),
    ]
    sound["tickers"] = [
        *sound["tickers"],
        *(ticker("BTC/USDT", START + number * 5_000, 1.0 + number % 2, source="liar") for number in range(100)),
    ]
    for number in range(300):
        sound["trades"].append(trade(inputs.LATE, f"l{number}", START + number * 5_000, 10.0 + number % 2))
    for values in sound.values():
        values.sort(key=lambda value: value["event_time"])
    world = case(watermarks={"alerts": "10s"})
    put(world, inputs.arrange("hostile", sound))
    world.run("alerts")
    found = [alert for alert in world.topic("alerts") if alert["symbol"] != "LATE"]
    sound["trades"] = [value for value in sound["trades"] if value["pair"] != inputs.LATE]
    oracle.check_alerts(found, oracle.alerts(sound))
