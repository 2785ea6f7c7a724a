"""How prices move: the trades of a pair, and its tickers."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log, log1p, sqrt
from random import Random
from typing import Any

from producers.market.config import DAY, MINUTE, SOURCE, Coin, MarketConfig
from producers.market.plan import Jump, Surge
from producers.message import Message

BUSY = 5  # times as many trades while a price jumps

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


def pair(config: MarketConfig, coin: Coin, jumps: list[Jump], surges: list[Surge]) -> Iterator[Message]:
    """Yield the trades and tickers of a pair in the order of their event times. Its ``jumps`` come true on the way."""
    rng = config.random(coin.pair)
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
        surge = next((surge.factor for surge in surges if surge.time_ms <= at < surge.end_ms), 1.0)
        quantity = round(surge * rng.lognormvariate(typical, 1.1), 8)
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
