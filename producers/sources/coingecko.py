"""Prices of CoinGecko: of every coin now, and hourly for a backfill.

Formats: https://docs.coingecko.com/v3.0.1/reference/coins-markets and, for the history,
https://docs.coingecko.com/v3.0.1/reference/coins-id-market-chart.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import structlog
from pydantic import SecretStr

from producers.coins import COINGECKO_IDS, COINS
from producers.frames import decode, each, integer, iso_millis, number, optional_number, text
from producers.http import Http
from producers.message import BadFrame, Message
from producers.source import Parser, PollSource, Source
from tidemark.errors import UserError
from tidemark.settings import CoinGecko, Settings

log = structlog.get_logger(__name__)

SOURCE = "coingecko"

_SYMBOLS = {coin: symbol for symbol, coin in COINGECKO_IDS.items()}
_TOPICS = ("prices",)
# For 2 to 90 days the answer is hourly by itself; asking for an interval is for paying customers.
_DAYS = (2, 90)


def sources(settings: Settings) -> list[Source]:
    """Return one source for all coins of the settings: they fit into one answer. Raises UserError for an unknown
    one.
    """
    group = settings.coingecko
    query = {
        "vs_currency": "usd",
        "ids": ",".join(_ids(group).values()),
        "price_change_percentage": "1h,24h,7d",
        "per_page": "250",
    }
    request = Http(f"{group.url.rstrip('/')}/coins/markets", group, query, _key(group))
    return [PollSource(SOURCE, _TOPICS, group.schedule, request, parser("", settings))]


def parser(part: str, settings: Settings) -> Parser:
    """Return the parser of the coins' prices, or of the history of the coin ``part``. Raises UserError for an unknown
    one.
    """
    if part:
        coin = _id(part)

        def read(body: str | bytes, ingest_time: int) -> list[Message | BadFrame]:
            return history(body, coin, ingest_time)

        return read
    return Markets(set(_ids(settings.coingecko)))


def history_sources(settings: Settings) -> list[PollSource]:
    """Return one source per coin of the settings, ``coingecko:BTC``, that gives its prices hour by hour over
    ``coingecko.history``. Raises UserError where that is too long, and for an unknown coin.
    """
    group = settings.coingecko
    days = max(_DAYS[0], -(-group.history // timedelta(days=1)))
    if days > _DAYS[1]:
        raise UserError("coingecko.history is too long.", f"CoinGecko gives hourly prices of {_DAYS[1]} days.")
    query = {"vs_currency": "usd", "days": str(days)}
    return [
        PollSource(
            f"{SOURCE}:{symbol}",
            _TOPICS,
            group.schedule,
            Http(f"{group.url.rstrip('/')}/coins/{coin}/market_chart", group, query, _key(group)),
            parser(symbol, settings),
        )
        for symbol, coin in _ids(group).items()
    ]


class Markets:
    """Turns an answer into prices. A coin that was asked for and is not in it is logged, once."""

    def __init__(self, asked: set[str]) -> None:
        self._asked = asked
        self._missing: set[str] = set()

    def __call__(self, body: str | bytes, ingest_time: int) -> list[Message | BadFrame]:
        """Return the price of each coin in the answer that came at ``ingest_time`` (epoch ms), or a BadFrame for a
        coin without one. Raises BadFrame where it is not a list of coins.
        """
        results = each(decode(body, "prices"), "prices", "coin", lambda item: _price(item, ingest_time))
        if all(isinstance(result, Message) for result in results):
            missing = self._asked - {result.key for result in results if isinstance(result, Message)}
            if missing - self._missing:
                log.warning("coins_missing", source=SOURCE, symbols=sorted(missing))
            self._missing = missing
        return results


def history(body: str | bytes, coin: str, ingest_time: int) -> list[Message | BadFrame]:
    """Return the prices of ``coin`` (CoinGecko's id) in the answer that came at ``ingest_time`` (epoch ms), or a
    BadFrame for a point that is none. Raises BadFrame where it is not a chart.
    """
    content = decode(body, "prices")
    if type(content) is not dict:
        raise BadFrame("bad_frame", "chart: expected an object", "prices")
    caps = dict(_points(content.get("market_caps")))
    volumes = dict(_points(content.get("total_volumes")))
    symbol = _SYMBOLS[coin]

    def read(point: Any) -> Message:
        time, price = _point(point)
        return _message(
            crypto_id=coin,
            symbol=symbol,
            name=COINS[symbol].name,
            price_usd=number(price),
            market_cap=optional_number(caps.get(time)),
            volume_24h=optional_number(volumes.get(time)),
            event_time=time,
            ingest_time=ingest_time,
        )

    return each(content.get("prices"), "prices", "chart", read)


def _points(points: Any) -> Iterator[tuple[int, Any]]:
    """Yield the points of a list beside that of the prices. Raises BadFrame where it is none."""
    if type(points) is not list:
        raise BadFrame("bad_frame", "chart: expected lists of market caps and volumes", "prices")
    for point in points:
        try:
            yield _point(point)
        except ValueError as error:  # noqa: PERF203 - of a chart all or nothing
            raise BadFrame("bad_frame", f"chart: {error}", "prices") from None


def _point(point: Any) -> tuple[int, Any]:
    if type(point) is not list or len(point) != 2:
        raise ValueError("expected points of [time, value]")
    return integer(point[0]), point[1]


def _price(item: Any, ingest_time: int) -> Message:
    coin = text(item["id"])
    if coin not in _SYMBOLS:
        raise ValueError(f"{ascii(coin)[:40]} is not a coin that was asked for")
    return _message(
        crypto_id=coin,
        symbol=_SYMBOLS[coin],
        name=text(item["name"]),
        price_usd=number(item["current_price"]),
        market_cap=optional_number(item["market_cap"]),
        volume_24h=optional_number(item["total_volume"]),
        change_1h=optional_number(item.get("price_change_percentage_1h_in_currency")),
        change_24h=optional_number(item.get("price_change_percentage_24h_in_currency")),
        change_7d=optional_number(item.get("price_change_percentage_7d_in_currency")),
        ath=optional_number(item["ath"]),
        atl=optional_number(item["atl"]),
        circulating_supply=optional_number(item["circulating_supply"]),
        event_time=iso_millis(item["last_updated"]),
        ingest_time=ingest_time,
    )


def _message(
    *,
    crypto_id: str,
    symbol: str,
    name: str,
    price_usd: float,
    market_cap: float | None,
    volume_24h: float | None,
    event_time: int,
    ingest_time: int,
    change_1h: float | None = None,
    change_24h: float | None = None,
    change_7d: float | None = None,
    ath: float | None = None,
    atl: float | None = None,
    circulating_supply: float | None = None,
) -> Message:
    value = {
        "crypto_id": crypto_id,
        "symbol": symbol,
        "name": name,
        "source": SOURCE,
        "price_usd": price_usd,
        "market_cap": market_cap,
        "volume_24h": volume_24h,
        "change_1h": change_1h,
        "change_24h": change_24h,
        "change_7d": change_7d,
        "ath": ath,
        "atl": atl,
        "circulating_supply": circulating_supply,
        "event_time": event_time,
        "ingest_time": ingest_time,
    }
    return Message("prices", symbol, value)


def _ids(group: CoinGecko) -> dict[str, str]:
    return {symbol: _id(symbol) for symbol in (coin.upper() for coin in group.coins)}


def _id(symbol: str) -> str:
    if symbol not in COINGECKO_IDS:
        raise UserError(
            f"coingecko.coins: {ascii(symbol)[:40]} is not known.", "Add its id to producers/coins.toml, [coingecko]."
        )
    return COINGECKO_IDS[symbol]


def _key(group: CoinGecko) -> tuple[str, SecretStr] | None:
    return ("x-cg-demo-api-key", group.api_key) if group.api_key else None
