"""A made-up market of ten coins, the same for the same seed: trades, tickers, and news that moves prices.

Left alone a market stays calm: within any 60 seconds without a jump the prices of a pair span less than 0.8 %. Only
a jump, announced by an article on that coin 2 to 20 s before, goes beyond 1 %; a decoy is announced likewise, but
is smaller than 0.5 %. On the way to Kafka the messages then suffer what messages suffer: some are repeated, their
order is mixed up by up to 3 s, some trades are held back for 30 to 90 s, and malformed ones come in between.

All times are epoch milliseconds UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from heapq import heappop, heappush, merge
from itertools import cycle
from math import ceil, exp, log, log1p, sqrt
from random import Random
from typing import Any, Literal

from producers import headlines
from producers.mentions import mentions
from producers.message import Message
from producers.sentiment import score, vader
from tidemark.errors import UserError

SOURCE = "simulator"
MINUTE = 60_000
DAY = 1440 * MINUTE

QUIET_START = 2 * MINUTE  # no jump before, so that every window has a past …
QUIET_END = 3 * MINUTE  # … and none after, so that every window has a future
JUMP_EVERY = 5 * MINUTE
DECOY_EVERY = 10 * MINUTE
JUMP_GAP = 4 * MINUTE  # between two jumps of a pair
JUMP_MS = (1_000, 5_000)
NEWS_LEAD_MS = (2_000, 20_000)
# Percent, either way; so much inside 1.5..4 and 0.2..0.45 that rounding to the tick stays inside as well.
JUMP_PCT = (1.55, 3.95)
DECOY_PCT = (0.23, 0.42)
BUSY = 5  # times as many trades while a price jumps

JITTER_MS = 3_000
JITTER_SHARE = 0.1
DUPLICATE_MS = 5_000
LATE_MS = (30_000, 90_000)
_YEARS = 5 * 365 * DAY

# Within a block of 60 s the log price stays within a band around where the block began. 60 s touch at most two
# blocks, so they span at most 3 bands: 0.72 %, and 0.36 % (with a decoy 0.8 %) around jumps, whatever the seed.
_BLOCK = MINUTE
_BAND = 0.0024
_BAND_AT_JUMP = 0.0012
_CALM_AROUND_JUMP = 65_000
_SIGMA = (0.0006, 0.0008)  # of the log price over 60 s
_SIGMA_AT_JUMP = 0.0004
_CLUSTER = (1.5, 2.0)  # times as volatile
_CLUSTER_BEGINS = 1 / 12  # per block
_CLUSTER_ENDS = 1 / 3


@dataclass(frozen=True)
class Coin:
    """A coin against USDT: its price level, and the decimals of its price's tick."""

    symbol: str
    price: float
    decimals: int

    @property
    def pair(self) -> str:
        """Return the pair as the topics write it."""
        return f"{self.symbol}/USDT"


COINS = (
    Coin("BTC", 97_000, 2),
    Coin("ETH", 3_400, 2),
    Coin("SOL", 190, 2),
    Coin("BNB", 640, 2),
    Coin("XRP", 2.2, 4),
    Coin("ADA", 0.85, 4),
    Coin("DOGE", 0.34, 5),
    Coin("AVAX", 36, 2),
    Coin("DOT", 7.1, 3),
    Coin("LINK", 21, 2),
)


@dataclass(frozen=True)
class MarketConfig:
    """What is simulated. Rates are shares of the sound messages: ``late`` of the trades, the others of all.

    Equal configurations give equal bytes; another start gives the same market then, with ids of its own.
    Raises UserError for what cannot be simulated.
    """

    start_ms: int
    minutes: float = 30
    seed: int = 7
    trades_per_second: float = 4  # per pair
    coins: int = len(COINS)
    duplicates: float = 0.01
    late: float = 0.002
    malformed: float = 0.003

    def __post_init__(self) -> None:
        bounds = {
            "minutes": (1, 1440),
            "trades_per_second": (0.5, 500),
            "coins": (1, len(COINS)),
            "duplicates": (0, 0.5),
            "late": (0, 0.5),
            "malformed": (0, 0.5),
        }
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise UserError(
                    f"A market with {name} = {getattr(self, name)} cannot be simulated: {low} to {high} can."
                )

    @property
    def end_ms(self) -> int:
        """Return when the last trade may happen; repeated messages arrive up to 8 s later."""
        return self.start_ms + round(self.minutes * MINUTE)


@dataclass
class Jump:
    """A move that news caused. ``pct`` is what was planned until the market gets there, then what came of it."""

    symbol: str
    pair: str
    time_ms: int
    end_ms: int
    pct: float  # signed percent, from the last price before time_ms to the price at end_ms
    article_id: str
    decoy: bool


Kind = Literal["sound", "late", "duplicate", "malformed"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it reaches Kafka at ``at_ms``; a malformed one with its ``fault`` and its bytes."""

    at_ms: int
    kind: Kind
    message: Message
    fault: str = ""
    payload: bytes = b""


class Market:
    """The market of one configuration: what news and jumps it has, and its messages."""

    def __init__(self, config: MarketConfig) -> None:
        self.config = config
        self.coins = COINS[: config.coins]
        rng = self._random("plan")
        self.jumps = self._plan_jumps(rng)
        self.articles = self._plan_articles(rng)

    def messages(self) -> Iterator[Message]:
        """Yield the sound messages, each once, in order of event time; on the way the jumps' ``pct`` come true."""
        streams = [self._pair(coin) for coin in self.coins]
        return merge(*streams, self.articles, key=_event_time)

    def arrivals(self) -> Iterator[Arrival]:
        """Yield everything that is put on the topics, in the order in which it arrives."""
        rng = self._random("faults")
        config = self.config
        faults = {topic: cycle(rng.sample(kinds, len(kinds))) for topic, kinds in FAULTS.items()}
        # There are too few articles for a small rate to hit one; at least one is hit.
        unlucky = rng.sample(self.articles, ceil(config.malformed * len(self.articles)))
        bad_articles = {message.key for message in unlucky}
        last_late = config.end_ms - LATE_MS[1]
        waiting: list[tuple[int, int, Arrival]] = []
        count = 0

        def wait(arrival: Arrival) -> None:
            nonlocal count
            count += 1
            heappush(waiting, (arrival.at_ms, count, arrival))

        for message in self.messages():
            event_time: int = message.value["event_time"]
            while waiting and waiting[0][0] <= event_time:
                yield heappop(waiting)[2]
            at = message.value["ingest_time"]
            if rng.random() < JITTER_SHARE:
                at = event_time + int(rng.random() * JITTER_MS)
            if message.topic == "trades" and event_time < last_late and rng.random() < config.late:
                at = event_time + rng.randint(*LATE_MS)
                wait(Arrival(at, "late", message))
            else:
                wait(Arrival(at, "sound", message))
                if rng.random() < config.duplicates:
                    wait(Arrival(at + rng.randrange(DUPLICATE_MS), "duplicate", message))
            if message.key in bad_articles if message.topic == "articles" else rng.random() < config.malformed:
                fault = next(faults[message.topic])
                wait(Arrival(at, "malformed", message, fault, _spoil(fault, message, rng)))
        while waiting:
            yield heappop(waiting)[2]

    def _random(self, purpose: str) -> Random:
        # One for each purpose, so that other faults leave the prices as they are; and none knows the start, so
        # that a seed stands for the same market at any time.
        return Random(f"{self.config.seed}/{purpose}")  # noqa: S311 - a simulation, no secret

    def _plan_jumps(self, rng: Random) -> list[Jump]:
        first = self.config.start_ms + QUIET_START
        room = self.config.end_ms - QUIET_END - JUMP_MS[1] - first
        jumps: list[Jump] = []
        if room <= 0:
            return jumps
        for decoy, every, size in ((False, JUMP_EVERY, JUMP_PCT), (True, DECOY_EVERY, DECOY_PCT)):
            count = max(1, round(room / every))
            for number in range(count):
                begin = first + int(room / count * (number + rng.random()))
                apart = JUMP_GAP + JUMP_MS[1]
                taken = {jump.symbol for jump in jumps if abs(jump.time_ms - begin) < apart}
                free = [coin for coin in self.coins if coin.symbol not in taken]
                if not free:
                    continue
                coin = rng.choice(free)
                pct = rng.choice((-1, 1)) * rng.uniform(*size)
                end = begin + rng.randint(*JUMP_MS)
                jumps.append(Jump(coin.symbol, coin.pair, begin, end, pct, "", decoy))
        return sorted(jumps, key=lambda jump: jump.time_ms)

    def _plan_articles(self, rng: Random) -> list[Message]:
        """Write the jumps' articles, and others up to one a minute; they are few and scored once."""
        planned: list[tuple[int, str, headlines.Mood, Jump | None]] = []
        for jump in self.jumps:
            mood: headlines.Mood = "good" if jump.pct > 0 else "bad"
            planned.append((jump.time_ms - rng.randint(*NEWS_LEAD_MS), jump.symbol, mood, jump))
        for _ in range(round(self.config.minutes) - len(planned)):
            published = rng.randrange(self.config.start_ms, self.config.end_ms)
            coin = rng.choice(self.coins)
            planned.append((published, coin.symbol, rng.choice(("good", "bad", "plain", "plain")), None))
        articles = []
        for number, plan in enumerate(sorted(planned, key=lambda plan: plan[0]), 1):
            article = self._article(rng, number, *plan[:3])
            if plan[3] is not None:
                plan[3].article_id = article.key
            articles.append(article)
        return articles

    def _article(self, rng: Random, number: int, published: int, symbol: str, mood: headlines.Mood) -> Message:
        title, summary = headlines.write(rng, symbol, mood, [coin.symbol for coin in self.coins])
        website, host = rng.choice(headlines.WEBSITES)
        url = f"https://{host}/{self.config.start_ms}/{self.config.seed}/{number}-{headlines.slug(title)}"
        key = sha256(url.encode()).hexdigest()
        spoken = f"{title}. {summary}"
        value = {
            "id": key,
            "title": title,
            "url": url,
            "website": website,
            "summary": summary,
            "cryptocurrencies_mentioned": mentions(spoken),
            "sentiment": score(spoken, vader),
            "source": SOURCE,
            "event_time": published,
            "ingest_time": published + rng.randint(5, 250),
        }
        return Message("articles", key, value)

    def _pair(self, coin: Coin) -> Iterator[Message]:
        """Yield the trades and tickers of a pair in the order of their event times."""
        config = self.config
        rng = self._random(coin.pair)
        jumps = [jump for jump in self.jumps if jump.symbol == coin.symbol]
        path = _Path(coin, rng, config.start_ms, jumps)
        tickers = _Tickers(coin, rng, config, path.price)
        # Two markets share ids only if they start within seconds of each other.
        trade_id = config.start_ms * 1000
        typical = log(400 / coin.price)  # 400 USDT
        for at, jump in _trade_times(rng, config, jumps):
            yield from tickers.until(at)
            price = path.at(at, jump)
            buys = 0.5 if jump is None else 0.85 if jump.pct > 0 else 0.15
            side = "buy" if rng.random() < buys else "sell"
            quantity = round(rng.lognormvariate(typical, 1.1), 8)
            tickers.trade(price, quantity, side)
            trade_id += 1
            value = {
                "source": SOURCE,
                "symbol": coin.symbol,
                "pair": coin.pair,
                "trade_id": str(trade_id),
                "price": price,
                "quantity": quantity,
                "side": side,
                "event_time": at,
                "ingest_time": at + 5 + int(rng.random() * 245),
            }
            yield Message("trades", coin.pair, value)
        yield from tickers.until(config.end_ms)


def _event_time(message: Message) -> int:
    event_time: int = message.value["event_time"]
    return event_time


def _trade_times(rng: Random, config: MarketConfig, jumps: list[Jump]) -> Iterator[tuple[int, Jump | None]]:
    """Yield when a pair trades (Poisson), with the jump under way; a jump ends with a trade at its very end."""
    per_ms = config.trades_per_second / 1000
    begin = config.start_ms
    for jump in jumps:
        for at in _arrival_times(rng, begin, jump.time_ms, per_ms):
            yield at, None
        for at in _arrival_times(rng, jump.time_ms, jump.end_ms, per_ms * BUSY):
            yield at, jump
        yield jump.end_ms, jump
        begin = jump.end_ms
    for at in _arrival_times(rng, begin, config.end_ms, per_ms):
        yield at, None


def _arrival_times(rng: Random, begin: int, end: int, per_ms: float) -> Iterator[int]:
    after = rng.expovariate(per_ms)
    while begin + int(after) < end:
        yield begin + int(after)
        after += rng.expovariate(per_ms)


class _Path:
    """The price of one pair: a random walk in a moving band, in calm and in volatile times, and the jumps."""

    def __init__(self, coin: Coin, rng: Random, start_ms: int, jumps: list[Jump]) -> None:
        self._coin = coin
        self._rng = rng
        self._level = coin.price * exp(rng.uniform(-0.03, 0.03))
        self._jumps = jumps
        self._usual = rng.uniform(*_SIGMA)
        self._factor = 1.0  # > 1 while in a volatile cluster
        self._at = start_ms
        self._walk = 0.0  # log of the price over its level, without jumps
        self._begin_block(start_ms)
        self._before = 0.0  # the last price before the jump under way
        self._under_way: Jump | None = None
        self._aim = 0.0  # percent
        self.price = self._rounded(1.0)

    def at(self, at: int, jump: Jump | None) -> float:
        """Go on to ``at`` (never back) and return the price there, rounded to the tick."""
        if jump is None:
            self._step(at)
            self.price = self._rounded(1.0)
            return self.price
        # The walk rests during a jump, so that the jump's size is exact.
        if self._under_way is not jump:
            self._under_way, self._before, self._aim = jump, self.price, jump.pct
        self._at = at
        done = (at - jump.time_ms) / (jump.end_ms - jump.time_ms)
        self.price = self._rounded(exp(done * log1p(self._aim / 100)))
        if at == jump.end_ms:
            self._level *= 1 + self._aim / 100
            jump.pct = round((self.price / self._before - 1) * 100, 6)
        return self.price

    def _rounded(self, jumped: float) -> float:
        return round(self._level * exp(self._walk) * jumped, self._coin.decimals)

    def _step(self, at: int) -> None:
        while at >= self._block_end:
            self._begin_block(self._block_end)
        shock = max(-3.0, min(3.0, self._rng.gauss(0, 1))) * self._sigma * sqrt((at - self._at) / MINUTE)
        self._at = at
        low, high = self._middle - self._band, self._middle + self._band
        if not low <= self._walk + shock <= high:
            shock = -shock
        self._walk = max(low, min(high, self._walk + shock))

    def _begin_block(self, begin: int) -> None:
        self._block_end = end = begin + _BLOCK
        self._middle = self._walk
        if self._factor == 1.0:
            if self._rng.random() < _CLUSTER_BEGINS:
                self._factor = self._rng.uniform(*_CLUSTER)
        elif self._rng.random() < _CLUSTER_ENDS:
            self._factor = 1.0
        near = any(
            jump.time_ms - _CALM_AROUND_JUMP < end and begin < jump.end_ms + _CALM_AROUND_JUMP for jump in self._jumps
        )
        self._band = _BAND_AT_JUMP if near else _BAND
        self._sigma = _SIGMA_AT_JUMP if near else self._usual * self._factor


class _Tickers:
    """The tickers of one pair, about every 2 s, from its trades so far."""

    def __init__(self, coin: Coin, rng: Random, config: MarketConfig, price: float) -> None:
        self._coin = coin
        self._rng = rng
        self._start = config.start_ms
        self._last = price
        self._side = "buy"
        # What the 24 h before traded; it leaves the rolling window as fast as the new trades come in.
        self._before = config.trades_per_second * 86_400 * 400 / coin.price * exp(1.1**2 / 2)
        self._traded = 0.0
        self._previous: float | None = None
        self._next = config.start_ms + rng.randrange(2_000)

    def trade(self, price: float, quantity: float, side: str) -> None:
        """Take note of a trade."""
        self._last, self._side = price, side
        self._traded += quantity

    def until(self, at: int) -> Iterator[Message]:
        """Yield the tickers due before ``at``."""
        while self._next < at:
            yield Message("tickers", self._coin.pair, self._value(self._next))
            self._next += 1_800 + self._rng.randrange(400)

    def _value(self, at: int) -> dict[str, Any]:
        coin, last, tick = self._coin, self._last, 10**-self._coin.decimals
        # A buyer takes the ask, a seller the bid.
        bid = last - tick if self._side == "buy" else last
        change = None if self._previous is None else round((last / self._previous - 1) * 100, 6)
        self._previous = last
        return {
            "source": SOURCE,
            "symbol": coin.symbol,
            "pair": coin.pair,
            "last": last,
            "bid": round(bid, coin.decimals),
            "ask": round(bid + tick, coin.decimals),
            "volume_24h": round(self._before * (1 - (at - self._start) / DAY) + self._traded, 8),
            "change_pct": change,
            "event_time": at,
            "ingest_time": at + 5 + int(self._rng.random() * 245),
        }


# What can be wrong with a message as a whole …
_NO_OBJECT = ("not_json", "truncated", "empty", "array", "number", "string", "null")
# … and with a field: per topic the field and its wrong value. `{}` stands for an object.
_WRONG_FIELDS: dict[str, dict[str, tuple[str, Any]]] = {
    "trades": {
        "text_for_number": ("price", "expensive"),
        "nan_text": ("price", "NaN"),
        "nan_token": ("price", float("nan")),  # Python writes a bare NaN, which is not JSON
        "object_for_text": ("pair", {"base": "BTC", "quote": "USDT"}),
        "zero_price": ("price", 0),
        "negative_price": ("price", -1.5),
        "negative_quantity": ("quantity", -0.25),
        "time_1970": ("event_time", DAY),
    },
    "tickers": {
        "text_for_number": ("last", "expensive"),
        "nan_text": ("last", "NaN"),
        "nan_token": ("last", float("nan")),
        "object_for_text": ("pair", {"base": "BTC", "quote": "USDT"}),
        "zero_price": ("last", 0),
        "negative_price": ("last", -1.5),
        "negative_quantity": ("volume_24h", -0.25),
        "time_1970": ("event_time", DAY),
    },
    "articles": {
        "text_for_number": ("event_time", "yesterday"),
        "object_for_text": ("url", {"href": "https://ledger-courier.example/"}),
        "time_1970": ("event_time", DAY),
    },
}
_MISSING = {
    "trades": ("pair", "trade_id", "price", "quantity", "side", "event_time"),
    "tickers": ("pair", "last", "event_time"),
    "articles": ("id", "url", "event_time"),
}
FAULTS: dict[str, list[str]] = {
    topic: [*_NO_OBJECT, *wrong, "missing_field", "time_future"] for topic, wrong in _WRONG_FIELDS.items()
}


def _spoil(fault: str, message: Message, rng: Random) -> bytes:
    """Return the bytes of ``message`` with ``fault``."""
    value = dict(message.value)
    if fault == "missing_field":
        del value[rng.choice(_MISSING[message.topic])]
    elif fault == "time_future":
        value["event_time"] += _YEARS
    elif fault in _WRONG_FIELDS[message.topic]:
        field, wrong = _WRONG_FIELDS[message.topic][fault]
        value[field] = wrong
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return {
        "not_json": "<html><body>502 Bad Gateway</body></html>",
        "truncated": body[: rng.randrange(1, len(body))],
        "empty": "",
        "array": json.dumps([body]),  # of a text: an array of objects is several messages to Flink
        "number": "42",
        "string": json.dumps(body),
        "null": "null",
    }.get(fault, body).encode()
