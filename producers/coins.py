"""Coins and pairs under one name each: symbols, names and aliases from coins.toml, XBT is BTC, BTCUSDT is
BTC/USDT.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_DATA = tomllib.loads((Path(__file__).parent / "coins.toml").read_text(encoding="utf-8"))
_VENUE_CODES: dict[str, str] = _DATA["venue_codes"]
_CODE = re.compile(r"[A-Z0-9]{1,20}")
# The longest suffix wins: BTCUSDT is BTC/USDT, not BTCU/SDT or anything shorter.
_MARKET = re.compile(
    f"([A-Z0-9]+?)({'|'.join(sorted(map(re.escape, _DATA['quotes']['suffixes']), key=len, reverse=True))})"
)


@dataclass(frozen=True)
class Coin:
    """A coin: symbol, name, further names and symbols, and whether name (capitalised) and symbol (word) are also
    ordinary words.
    """

    symbol: str
    name: str
    aliases: tuple[str, ...] = ()
    capitalised: bool = False
    word: bool = False


COINS: dict[str, Coin] = {
    symbol: Coin(symbol, **{**coin, "aliases": tuple(coin.get("aliases", ()))})
    for symbol, coin in _DATA["coins"].items()
}
PHRASES: dict[str, str] = _DATA["phrases"]  # each with the symbol that it means, or ""
COINGECKO_IDS: dict[str, str] = _DATA["coingecko"]  # by symbol


def symbol(code: str) -> str:
    """Return the symbol of a venue's asset code: XBT is BTC, XDG is DOGE, any other is itself.

    Raises ValueError for what is no asset code (1 to 20 capital letters and digits).
    """
    code = code.upper()
    if not _CODE.fullmatch(code):
        raise ValueError(f"{ascii(code)[:40]} is not an asset code")
    return _VENUE_CODES.get(code, code)


def pair(text: str) -> str:
    """Return a pair written ``XBT/USD`` under its one name, ``BTC/USD``. Raises ValueError for all else."""
    base, slash, quote = text.partition("/")
    if not slash:
        raise ValueError(f"{ascii(text)[:40]} is not a pair like BTC/USD")
    return f"{symbol(base)}/{symbol(quote)}"


def pair_of_market(market: str) -> str:
    """Return the pair of a market written without a slash: ``BTCUSDT`` is BTC/USDT, ``LRCBTC`` is LRC/BTC.

    Raises ValueError where it ends in no known quote currency (coins.toml).
    """
    match = _MARKET.fullmatch(market)
    if match is None:
        raise ValueError(f"{ascii(market)[:40]} is not a market with a known quote currency")
    return f"{symbol(match[1])}/{symbol(match[2])}"
