"""Which coins and pairs there are, and what callers may call them."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Path

from producers import coins as known
from serving.database import Database
from serving.problems import Problem
from serving.times import floor

_FRESH = timedelta(seconds=30)  # for so long it is believed what coins and pairs there are
_DAY = timedelta(days=1)
_SEEN = timedelta(days=7)  # coins whose price came within this time are known by their names
_GAP = re.compile(r"[\s_-]+")
_PAIR = re.compile(r"([A-Za-z0-9]{1,20})[/-]([A-Za-z0-9]{1,20})/?")

CoinPath = Annotated[
    str,
    Path(
        description="A coin by its symbol or name, in any case.",
        max_length=64,
        openapi_examples={"symbol": {"value": "BTC"}, "name": {"value": "bitcoin"}},
    ),
]
PairPath = Annotated[
    str,
    Path(
        description="A pair, written `BTC/USD` or `BTC-USD`, in any case.",
        max_length=48,
        openapi_examples={"hyphen": {"value": "BTC-USD"}, "slash": {"value": "BTC/USD"}},
    ),
]


@dataclass(frozen=True)
class Coin:
    """A coin and its name; whether users want to see it; when it was configured, if it was."""

    symbol: str
    name: str
    is_active: bool = True
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Pair:
    """A pair of which there were trades or tickers of late, and when the newest came."""

    kind: str  # trade, ticker
    pair: str
    newest: datetime


@dataclass(frozen=True)
class _Directory:
    read_at: datetime
    coins: dict[str, Coin]  # by symbol
    names: dict[str, str]  # symbols by all they are called
    pairs: list[Pair]
    known_pairs: set[str]  # these, and older ones that were asked for


class Coins:
    """The coins and pairs, read from the database now and then."""

    def __init__(self, database: Database, clock: Callable[[], datetime], usual: list[str]) -> None:
        """``usual`` are the symbols that are shown before anything was configured."""
        self._database = database
        self._clock = clock
        self._usual = usual
        self._directory: _Directory | None = None
        self._reading = asyncio.Lock()

    async def symbol(self, text: str) -> str:
        """Return the symbol of what a caller calls a coin. Raises Problem (404) where nothing is called so."""
        directory = await self._read()
        found = directory.names.get(_plain(text))
        if found is None:
            close = difflib.get_close_matches(_plain(text), directory.names, 1)
            hint = f"Did you mean {directory.names[close[0]]}?" if close else "GET /api/v1/config/crypto/ lists them."
            raise Problem(404, "unknown-coin", f"There is no coin {text[:64]!r}.", hint)
        return found

    async def find(self, text: str) -> str | None:
        """Return the symbol of what a caller calls a coin, or None."""
        return (await self._read()).names.get(_plain(text))

    async def optional(self, text: str | None) -> str | None:
        """Return the symbol, or None for None; else as :meth:`symbol`."""
        return None if text is None else await self.symbol(text)

    async def pair(self, text: str) -> str:
        """Return the pair under its one name, ``BTC/USD``.

        Raises Problem: 422 for what cannot be a pair, 404 for one of which there never was a trade, ticker or candle.
        """
        pair = pair_of(text)
        directory = await self._read()
        if pair not in directory.known_pairs:
            if not await self._database.fetch("pair_exists", pair=pair):
                hint = "GET /api/v1/config/visualization/ lists the pairs of late."
                raise Problem(404, "unknown-pair", f"There is nothing about the pair {pair}.", hint)
            directory.known_pairs.add(pair)
        return pair

    async def all(self) -> list[Coin]:
        """Return every coin that is usual or configured, by symbol; what was just configured included."""
        known_ones = (await self._read()).coins
        shown = {symbol: known_ones.get(symbol, Coin(symbol, symbol)) for symbol in self._usual}
        for row in await self._database.fetch("crypto_config"):
            shown[row["symbol"]] = Coin(**row)
        return [shown[symbol] for symbol in sorted(shown)]

    async def name(self, symbol: str) -> str:
        """Return the name of a coin, or its symbol where it has none."""
        found = (await self._read()).coins.get(symbol)
        return found.name if found else symbol

    async def pairs(self) -> list[Pair]:
        """Return the pairs of today and yesterday."""
        return (await self._read()).pairs

    async def newest(self) -> datetime | None:
        """Return the event time of the newest price of today and yesterday, by whomever; not an earlier finding."""
        since = floor(self._clock(), _DAY) - _DAY
        found = [pair.newest for pair in await self._pairs(self._clock())]
        found += [row["newest"] for row in await self._database.fetch("coins", since=since)]
        return max(found, default=None)

    def forget(self) -> None:
        """Read everything anew the next time."""
        self._directory = None

    async def _read(self) -> _Directory:
        found = self._fresh()
        if found is None:
            async with self._reading:
                found = self._fresh()
                if found is None:
                    self._directory = found = await self._build(self._clock())
        return found

    def _fresh(self) -> _Directory | None:
        found = self._directory
        return found if found and timedelta(0) <= self._clock() - found.read_at < _FRESH else None

    async def _build(self, now: datetime) -> _Directory:
        seen = await self._database.fetch("coins", since=floor(now - _SEEN, _DAY))
        configured = await self._database.fetch("crypto_config")
        coins = {coin.symbol: Coin(coin.symbol, coin.name) for coin in known.COINS.values()}
        names: dict[str, str] = {}
        for row in seen:
            coins.setdefault(row["symbol"], Coin(row["symbol"], row["name"]))
            for name in (row["name"], row["crypto_id"]):
                names.setdefault(_plain(name), row["symbol"])
        for symbol, identifier in known.COINGECKO_IDS.items():
            names[_plain(identifier)] = symbol
        for coin in known.COINS.values():
            names |= {_plain(name): coin.symbol for name in (coin.name, *coin.aliases)}
        for row in configured:
            coins[row["symbol"]] = Coin(**row)
            names[_plain(row["name"])] = row["symbol"]
        # A symbol goes before a name, whoever else is called so; and before what an aggregator numbers its coins with.
        names |= {_plain(symbol): symbol for symbol in coins}
        pairs = await self._pairs(now)
        return _Directory(now, coins, names, pairs, {one.pair for one in pairs})

    async def _pairs(self, now: datetime) -> list[Pair]:
        # From midnight on, so that a partition is either read from its beginning or left out.
        rows = await self._database.fetch("pairs", since=floor(now, _DAY) - _DAY)
        return [Pair(**row) for row in rows]


def pair_of(text: str) -> str:
    """Return the pair that is written ``BTC/USD`` or ``btc-usd`` under its one name. Raises Problem for all else."""
    match = _PAIR.fullmatch(text)
    if match is None:
        hint = "Write BTC/USD or BTC-USD."
        raise Problem(422, "wrong-value", f"{text[:48]!r} is not a pair.", hint)
    return known.pair(f"{match[1]}/{match[2]}".upper())


def optional_pair(text: str | None) -> str | None:
    """Return the pair, or None for None; else as :func:`pair_of`."""
    return None if text is None else pair_of(text)


def _plain(name: str) -> str:
    return _GAP.sub(" ", name).strip().lower()
