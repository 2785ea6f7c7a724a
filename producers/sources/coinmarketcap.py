"""Prices of the largest coins by CoinMarketCap.

Format: https://coinmarketcap.com/api/documentation/v1/#operation/getV1CryptocurrencyListingsLatest.
"""

from __future__ import annotations

from typing import Any

from producers import coins
from producers.frames import decode, each, integer, iso_millis, number, optional_number, text
from producers.http import Http, required_key
from producers.message import BadFrame, Message
from producers.source import Parser, PollSource, Source
from tidemark.settings import Settings

SOURCE = "coinmarketcap"


def sources(settings: Settings) -> list[Source]:
    """Return the one source. Raises UserError where there is no key."""
    group = settings.coinmarketcap
    key = required_key(SOURCE, group.api_key, "https://coinmarketcap.com/api")
    url = f"{group.url.rstrip('/')}/v1/cryptocurrency/listings/latest"
    request = Http(url, group, {"limit": str(group.top), "convert": "USD"}, ("X-CMC_PRO_API_KEY", key))
    return [PollSource(SOURCE, ("prices",), group.schedule, request, parse)]


def parser(part: str, settings: Settings) -> Parser:
    """Return the parser of its answers."""
    return parse


def parse(body: str | bytes, ingest_time: int) -> list[Message | BadFrame]:
    """Return the price of each coin in the answer that came at ``ingest_time`` (epoch ms), or a BadFrame for a coin
    without one. Raises BadFrame where it is not a list of coins.
    """
    content = decode(body, "prices")
    if type(content) is not dict:
        raise BadFrame("bad_frame", "expected an object", "prices")
    status = content.get("status")
    if type(status) is dict and status.get("error_code"):
        raise BadFrame("bad_frame", f"refused: {ascii(status.get('error_message'))[:200]}", "prices")
    return each(content.get("data"), "prices", "coin", lambda item: _price(item, ingest_time))


def _price(item: Any, ingest_time: int) -> Message:
    quote = item["quote"]["USD"]
    symbol = coins.symbol(text(item["symbol"]))
    value = {
        "crypto_id": str(integer(item["id"])),  # unlike symbol and slug it is unique and never changes
        "symbol": symbol,
        "name": text(item["name"]),
        "source": SOURCE,
        "price_usd": number(quote["price"]),
        "market_cap": optional_number(quote["market_cap"]),
        "volume_24h": optional_number(quote["volume_24h"]),
        "change_1h": optional_number(quote["percent_change_1h"]),
        "change_24h": optional_number(quote["percent_change_24h"]),
        "change_7d": optional_number(quote["percent_change_7d"]),
        "ath": None,
        "atl": None,
        "circulating_supply": optional_number(item["circulating_supply"]),
        "event_time": iso_millis(quote["last_updated"]),
        "ingest_time": ingest_time,
    }
    return Message("prices", symbol, value)
