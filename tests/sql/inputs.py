"""Three inputs to all jobs, from one simulated market and some markets made by hand: tidy, shuffled, hostile.

All have the same sound messages, each once, in ``sound``; what they differ in is how these arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any
from zlib import crc32

from producers.market import MINUTE, Jump, Market, MarketConfig
from tests.world import Row, Value

START = 1_748_736_000_000  # 2025-06-01, the beginning of a 5-minute window
MIDDLE = START + 15 * MINUTE
CONFIG = MarketConfig(START, minutes=30, seed=7, trades_per_second=2, duplicates=0.05, late=0, malformed=0.02)
BOUNDS = {"trades": 10_000, "tickers": 10_000, "articles": 120_000}  # ms, the watermarks' delays
LATE = "LATE/USDT"  # behind the watermark in the hostile input: stored and enriched, but in no window

Topics = dict[str, list[Row]]


@dataclass(frozen=True)
class Put:
    """A message as it arrives: its partition, and its fields or bytes. ``fault``: why it must be rejected, if so."""

    partition: int
    value: Value
    fault: str = ""


@dataclass(frozen=True)
class Input:
    """What arrives per topic, in this order, and the sound messages in it."""

    puts: dict[str, list[Put]]
    sound: Topics
    jumps: list[Jump]


@cache
def make(kind: str) -> Input:
    """Return the input ``tidy``, ``shuffled`` or ``hostile``."""
    market = Market(CONFIG)
    sound: Topics = {"trades": [], "tickers": [], "articles": []}
    for message in market.messages():
        sound[message.topic].append(message.value)
    for topic, extra in by_hand().items():
        sound[topic] += extra
        sound[topic].sort(key=lambda value: value["event_time"])
    arrange = {"tidy": _tidy, "shuffled": _shuffled, "hostile": _hostile}[kind]
    return Input({topic: arrange(topic, values) for topic, values in sound.items()}, sound, market.jumps)


def trade(pair: str, trade_id: str, at: int, price: float, quantity: float = 1.0, **fields: Any) -> Row:
    """Return a sound trade."""
    return {
        "source": "byhand",
        "symbol": pair.split("/")[0],
        "pair": pair,
        "trade_id": trade_id,
        "price": price,
        "quantity": quantity,
        "side": "buy",
        "event_time": at,
        "ingest_time": at + 10,
        **fields,
    }


def ticker(pair: str, at: int, last: float, **fields: Any) -> Row:
    """Return a sound ticker."""
    return {
        "source": "byhand",
        "symbol": pair.split("/")[0],
        "pair": pair,
        "last": last,
        "bid": None,
        "ask": None,
        "volume_24h": None,
        "change_pct": None,
        "event_time": at,
        "ingest_time": at + 10,
        **fields,
    }


def article(name: str, at: int, symbols: list[str], score: float = 0.5, **fields: Any) -> Row:
    """Return a sound article."""
    label = "positive" if score > 0.6 else "negative" if score < 0.4 else "neutral"
    return {
        "id": sha256(name.encode()).hexdigest(),
        "title": f"Títle of {name}",
        "url": f"https://news.example/{name}",
        "website": "News",
        "summary": "",
        "cryptocurrencies_mentioned": symbols,
        "sentiment": {"score": score, "polarity": 2 * score - 1, "label": label},
        "source": "rss",
        "event_time": at,
        "ingest_time": at + 10,
        **fields,
    }


def by_hand() -> Topics:
    """Return small markets, each for an edge that a simulated one hits by chance only."""
    trades: list[Row] = []
    # News exactly 5 min away, and 1 ms more; two coins in one article; two articles around one trade; none.
    for number, distance in enumerate((-300_001, -300_000, 0, 300_000, 300_001)):
        trades.append(trade("EDGE/USDT", str(number), MIDDLE + distance, 10.0))
    trades += [trade("RIM/USDT", "1", MIDDLE, 20.0), trade("LONE/USDT", "1", MIDDLE, 30.0)]
    articles = [
        article("edge", MIDDLE, ["EDGE", "RIM"], 0.9),
        article("rim", MIDDLE + 60_000, ["RIM"], 0.1),
        # A mean of exactly 0.6 is neutral; one article with two moods of others.
        article("mean 1", MIDDLE, ["MEAN"], 0.5),
        article("mean 2", MIDDLE, ["MEAN"], 0.7),
        article("mean 3", MIDDLE + 3 * MINUTE - 1, ["SAD"], 0.39),
        article("mean 4", MIDDLE + 3 * MINUTE, ["SAD"], 1 / 3),
        article("nobody", MIDDLE, []),
    ]
    # The first and the last by (event_time, trade_id): 9 before 10. A window's borders. A window with a single trade.
    for trade_id, at, price in (
        ("9", 0, 1.5),
        ("10", 0, 2.5),
        ("11", MINUTE - 1, 1.25),
        ("12", MINUTE, 9.75),
        ("13", 5 * MINUTE, 0.1),
    ):
        trades.append(trade("CAND/USDT", trade_id, MIDDLE + at, price, 0.1, side="sell"))
    # Extremes that the contract allows. They must overflow nothing.
    for number in range(40):
        trades.append(trade("HUGE/USDT", str(number), MIDDLE + number * 100, 1e9, 1e11))
    tiny = (5e-324, 1e-12, 1e9, 1e9, 1e-300)
    trades += [
        trade("TINY/USDT", str(number), MIDDLE + number * 1_000, price, 5e-324) for number, price in enumerate(tiny)
    ]
    trades.append(trade("TINY/USDT", "9", MIDDLE + 2 * MINUTE, 1.0))
    # A move up, at once one down, and calm again; one that lasts longer than a spike may; one that nothing ends.
    moves = [100.0, 101.5, 101.6, 99.0, 98.0, 98.1]
    for number, price in enumerate(moves):
        trades.append(trade("MOVE/USDT", str(number), MIDDLE + number * 1_000, price))
    trades.append(trade("MOVE/USDT", "9", MIDDLE + 2 * MINUTE, 98.0))
    for number in range(140):
        trades.append(trade("LONG/USDT", str(number), START + number * 5_000, 100 * 1.001**number))
    trades.append(trade("LONG/USDT", "999", START + 20 * MINUTE, 115.0))
    trades += [
        trade("OPEN/USDT", str(number), MIDDLE + number * 1_000, price) for number, price in enumerate((50.0, 60.0))
    ]
    # Two tickers at the same millisecond; exactly the threshold is no alert; two venues are two series.
    tickers = [
        ticker("TICK/USDT", MIDDLE, 10.0),
        ticker("TICK/USDT", MIDDLE + 500, 10.5),
        ticker("TICK/USDT", MIDDLE + 500, 9.5, ingest_time=MIDDLE + 511),
        ticker("TICK/USDT", MIDDLE + 2_000, 9.6),
        ticker("HALF/USDT", MIDDLE, 1024.0),
        ticker("HALF/USDT", MIDDLE + 2_000, 1024.0 * 1.005),
        ticker("TINY/USDT", MIDDLE, 5e-324),
        ticker("TINY/USDT", MIDDLE + 2_000, 1e9),
        *(ticker("TICK/USDT", MIDDLE + at, 20.0 + at / 1e5, source="venue2") for at in range(0, 20_000, 2_000)),
    ]
    # A second venue for a pair, with the same trade ids.
    rng = Random(5)
    for number in range(600):
        at = START + number * 3_000 + rng.randrange(3_000)
        price = round(98_000 + rng.gauss(0, 20), 2)
        trades.append(trade("BTC/USDT", str(number), at, price, round(rng.random(), 8), source="venue2"))
        trades.append(trade(LATE, str(number), at, price, round(rng.random(), 8)))
    return {"trades": trades, "tickers": tickers, "articles": articles}


def _partition(value: Row, partitions: int = 3) -> int:
    key: str = value["pair"] if "pair" in value else value["id"]
    return crc32(key.encode()) % partitions


def _tidy(topic: str, values: list[Row]) -> list[Put]:
    return [Put(_partition(value), value) for value in values]


def _shuffled(topic: str, values: list[Row]) -> list[Put]:
    rng = Random(3)
    return [Put(_partition(value), value) for value in _delayed(values, lambda value: rng.random() * BOUNDS[topic])]


def _delayed(values: Iterable[Row], delay: Callable[[Row], float]) -> list[Row]:
    """Return ``values`` in order of arrival, each as many milliseconds after its event time."""
    arrivals = [(value["event_time"] + delay(value), number, value) for number, value in enumerate(values)]
    return [value for _, _, value in sorted(arrivals)]


def _hostile(topic: str, values: list[Row]) -> list[Put]:
    """Repeated, malformed and late messages among the others, out of order; partition 2 stays silent."""
    rng = Random(4)
    queue: list[tuple[float, int, Put]] = []

    def put(at: float, put: Put) -> None:
        queue.append((at, len(queue), put))

    for value in values:
        at = value["event_time"] + rng.random() * BOUNDS[topic] / 2
        partition = _partition(value, 2)
        if value.get("pair") == LATE:
            at += 60_000 + rng.random() * 30_000
        put(at, Put(partition, value))
        if rng.random() < CONFIG.duplicates:
            put(at + rng.random() * 2 * BOUNDS[topic], Put(partition, dict(value)))
    for arrival in Market(CONFIG).arrivals():
        if arrival.kind == "malformed" and arrival.message.topic == topic:
            put(arrival.at_ms, Put(_partition(arrival.message.value, 2), arrival.payload, arrival.fault))
    return [put for _, _, put in sorted(queue, key=lambda entry: entry[:2])]


def by_partition(puts: Iterable[Put]) -> dict[int, list[Put]]:
    """Return what arrives in each partition, in order."""
    found: dict[int, list[Put]] = defaultdict(list)
    for put in puts:
        found[put.partition].append(put)
    return found
