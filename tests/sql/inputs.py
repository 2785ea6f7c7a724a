"""Three inputs to all jobs, from one simulated market and some markets made by hand: tidy, shuffled, hostile.

All have the same sound messages, each once, in ``sound``; what they differ in is how these arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any
from zlib import crc32

from producers import contract
from producers.market import MINUTE, Jump, Market, MarketConfig
from tests.world import Row, Value

START = 1_748_736_000_000  # 2025-06-01, the beginning of a 5-minute window
MIDDLE = START + 15 * MINUTE
CONFIG = MarketConfig(START, minutes=30, seed=7, trades_per_second=2, duplicates=0.05, late=0, malformed=0.02)
BOUNDS = {  # ms: the watermarks' delays, and where no window looks at them as much disorder as there may be
    "trades": 10_000,
    "tickers": 10_000,
    "articles": 120_000,
    "prices": 120_000,
    "market_sentiment": 10 * 24 * 60 * MINUTE,
    "macro": 100 * 24 * 60 * MINUTE,
}
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
    sound: Topics = {topic: [] for topic in BOUNDS}
    for message in market.messages():
        sound[message.topic].append(message.value)
    for topic, extra in {**by_hand(), **polled()}.items():
        sound[topic] += extra
        sound[topic].sort(key=lambda value: value["event_time"])
    return Input(arrange(kind, sound), sound, market.jumps)


def arrange(kind: str, sound: Topics) -> dict[str, list[Put]]:
    """Return how ``sound`` arrives, ``tidy``, ``shuffled`` or ``hostile``; in the last not alone."""
    return {topic: arranged(kind, topic, values) for topic, values in sound.items()}


def arranged(kind: str, topic: str, values: list[Row]) -> list[Put]:
    """Return sound messages of a topic, in order of event time, as they arrive in the input ``kind``."""
    return {"tidy": _tidy, "shuffled": _shuffled, "hostile": _hostile}[kind](topic, values)


def trade(pair: str, trade_id: str, at: int, price: float, quantity: float = 1.0, **fields: Any) -> Row:
    """Return a sound trade."""
    own = {"trade_id": trade_id, "price": price, "quantity": quantity, "side": "buy"}
    return {**_of_market(pair, at, own), **fields}


def ticker(pair: str, at: int, last: float, **fields: Any) -> Row:
    """Return a sound ticker."""
    own = {"last": last, **dict.fromkeys(("bid", "ask", "volume_24h", "change_pct"))}
    return {**_of_market(pair, at, own), **fields}


def _of_market(pair: str, at: int, own: Row) -> Row:
    """Return a message about a pair, with its ``own`` fields where the schema has them."""
    market = {"source": "byhand", "symbol": pair.split("/")[0], "pair": pair}
    return {**market, **own, "event_time": at, "ingest_time": at + 10}


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


def price(symbol: str, at: int, price_usd: float, source: str = "coingecko", **fields: Any) -> Row:
    """Return a sound price with all that an aggregator may leave out left out."""
    return {
        "crypto_id": symbol.lower(),
        "symbol": symbol,
        "name": f"Cöin {symbol}",
        "source": source,
        "price_usd": price_usd,
        **dict.fromkeys(("market_cap", "volume_24h", "change_1h", "change_24h", "change_7d", "ath", "atl")),
        "circulating_supply": None,
        "event_time": at,
        "ingest_time": at + 10,
        **fields,
    }


def mood(at: int, value: int, classification: str = "Extreme Fear", source: str = "alternative.me") -> Row:
    """Return a sound value of the Fear & Greed index."""
    return {"source": source, "value": value, "classification": classification, "event_time": at}


def observation(indicator: str, day: str, value: float, frequency: str = "daily") -> Row:
    """Return a sound observation of an economic series."""
    midnight = datetime.combine(date.fromisoformat(day), datetime.min.time(), timezone.utc)
    event_time = (midnight - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)
    return {
        "indicator": indicator,
        "value": value,
        "date": day,
        "frequency": frequency,
        "event_time": event_time,
    }


def polled() -> Topics:
    """Return what aggregators, the index and the series say, up to the edges of what the contract allows."""
    full: Row = {
        "market_cap": 2.0e12,
        "volume_24h": 3.5e10,
        "change_1h": -0.25,
        "change_24h": 150.5,
        "change_7d": -100.0,
        "ath": 126_080.0,
        "atl": 67.81,
        "circulating_supply": 19_945_678.0,
    }
    prices = [
        price(symbol, START + minute * MINUTE + number, 10.0**number + minute, source, **full)
        for minute in range(30)
        for number, symbol in enumerate(("BTC", "ETH", "SOL", "DOGE"))
        for source in ("coingecko", "coinmarketcap")
    ]
    most: Row = {
        "market_cap": 1e15,
        "volume_24h": 0.0,
        "change_1h": 1e9,
        "ath": 1e9,
        "atl": 0.0,
        "circulating_supply": 1e18,
    }
    prices += [
        price("EDGE", MIDDLE, 1e9, **most),
        price("EDGE", MIDDLE + 1, 5e-324),
        # Two coins of one symbol at the same moment are two.
        price("TWIN", MIDDLE, 1.0, crypto_id="twin-one"),
        price("TWIN", MIDDLE, 2.0, crypto_id="twin-two"),
        price("QUOTE", MIDDLE, 1.0, name='a "quoted" \\ näme'),
    ]
    days = [START - day * 24 * 60 * MINUTE for day in range(1, 91)]  # the market itself has that of its day
    moods = [mood(at, number % 101, "Neutral") for number, at in enumerate(days)]
    moods += [mood(MIDDLE, 0, source="edge"), mood(MIDDLE + 1, 100, "Extreme Greed", "edge")]
    first = date(1899, 12, 31)
    series = [
        observation("DFF", (first + timedelta(days=number * 137)).isoformat(), round(5 - number / 100, 2))
        for number in range(1, 330)
    ]
    edges = (("1900-01-01", -1e15), ("1970-01-01", 0.0), ("1969-12-31", 1e15), ("2024-02-29", 5e-324))
    series += [observation("EDGE_1", day, value, "monthly") for day, value in edges]
    return {"prices": prices, "market_sentiment": moods, "macro": series}


def _misshapen(topic: str) -> list[tuple[bytes, str]]:
    """Return messages of a polled topic that must be rejected, each with its code."""
    if topic == "prices":
        sound = price("BAD", START, 1.0)  # it moves no watermark on
        changes: list[tuple[Row, str]] = [
            ({"price_usd": 0}, "out_of_range"),
            ({"price_usd": -1.5}, "out_of_range"),
            ({"price_usd": None}, "invalid_field"),
            ({"price_usd": "cheap"}, "invalid_field"),
            ({"price_usd": 1.1e9}, "out_of_range"),
            ({"market_cap": -1}, "out_of_range"),
            ({"change_24h": -100.1}, "out_of_range"),
            ({"circulating_supply": 1.1e18}, "out_of_range"),
            ({"symbol": "btc"}, "invalid_field"),
            ({"crypto_id": "a/b"}, "invalid_field"),
            ({"name": None}, "invalid_field"),
            ({"source": "CoinGecko"}, "invalid_field"),
            ({"event_time": 1}, "time_out_of_range"),
            ({"event_time": 4_000_000_000_000}, "time_out_of_range"),
            ({"ingest_time": 0}, "time_out_of_range"),
            ({"ingest_time": None}, "invalid_field"),
        ]
    elif topic == "market_sentiment":
        sound = mood(MIDDLE + 2, 50, source="bad")
        changes = [
            ({"value": -1}, "out_of_range"),
            ({"value": 101}, "out_of_range"),
            ({"value": 2**31}, "invalid_field"),
            ({"value": "high"}, "invalid_field"),
            ({"value": None}, "invalid_field"),
            ({"classification": ""}, "invalid_field"),
            ({"classification": "Greed; DROP TABLE"}, "invalid_field"),
            ({"source": None}, "invalid_field"),
            ({"event_time": -1}, "time_out_of_range"),
            ({"event_time": 4_000_000_000_000}, "time_out_of_range"),
        ]
    elif topic == "macro":
        sound = observation("BAD", "2023-03-02", 1.0)
        changes = [
            ({"date": "2023-02-30"}, "invalid_field"),  # what a lenient parser takes for 2 March
            ({"date": "2023-03-01"}, "invalid_field"),
            ({"date": "02.03.2023"}, "invalid_field"),
            ({"date": "2023-03-02\n"}, "invalid_field"),
            ({"date": "2023-03-2"}, "invalid_field"),
            ({"date": None}, "invalid_field"),
            ({"event_time": sound["event_time"] + 1}, "invalid_field"),
            ({"event_time": sound["event_time"] - 1}, "invalid_field"),
            (observation("BAD", "1899-12-31", 1.0), "time_out_of_range"),
            (observation("BAD", "2096-01-01", 1.0), "time_out_of_range"),
            ({"value": None}, "invalid_field"),
            ({"value": "."}, "invalid_field"),
            ({"value": 1.1e15}, "out_of_range"),
            ({"value": -1.1e15}, "out_of_range"),
            ({"indicator": "dff"}, "invalid_field"),
            ({"frequency": "5 days"}, "invalid_field"),
        ]
    else:
        return []
    whole = contract.encode(sound)
    required = [name for name, value in sound.items() if value is not None]
    broken = (whole[:-1], whole[:40], b"", b"null", b"[1]", b'"text"', b"<html>")
    return [
        *((contract.encode({**sound, **change}), code) for change, code in changes),
        *((contract.encode({k: v for k, v in sound.items() if k != name}), "invalid_field") for name in required),
        *((payload, "not_json") for payload in broken),
    ]


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


def partition(value: Row, partitions: int = 3) -> int:
    """Return where a message belongs by its key."""
    key: str = next(value[name] for name in ("pair", "id", "indicator", "symbol", "source") if name in value)
    return crc32(key.encode()) % partitions


def _tidy(topic: str, values: list[Row]) -> list[Put]:
    return [Put(partition(value), value) for value in values]


def _shuffled(topic: str, values: list[Row]) -> list[Put]:
    rng = Random(3)
    return [Put(partition(value), value) for value in _delayed(values, lambda value: rng.random() * BOUNDS[topic])]


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
        place = partition(value, 2)
        if value.get("pair") == LATE:
            at += 60_000 + rng.random() * 30_000
        put(at, Put(place, value))
        if rng.random() < CONFIG.duplicates:
            put(at + rng.random() * 2 * BOUNDS[topic], Put(place, dict(value)))
    for arrival in Market(CONFIG).arrivals():
        if arrival.kind == "malformed" and arrival.message.topic == topic:
            put(arrival.at_ms, Put(partition(arrival.message.value, 2), arrival.payload, arrival.fault))
    for payload, code in _misshapen(topic) if values else ():
        put(rng.choice(values)["event_time"], Put(rng.randrange(2), payload, code))
    return [put for _, _, put in sorted(queue, key=lambda entry: entry[:2])]


def by_partition(puts: Iterable[Put]) -> dict[int, list[Put]]:
    """Return what arrives in each partition, in order."""
    found: dict[int, list[Put]] = defaultdict(list)
    for put in puts:
        found[put.partition].append(put)
    return found
