"""Bitstamp trades: WebSocket v2, a channel per pair.

Format: https://www.bitstamp.net/websocket/v2/. A trade's pair is in the name of its channel only.
"""

from __future__ import annotations

from typing import Any

import orjson
import structlog

from producers import coins
from producers.frames import decode, integer, number, text
from producers.message import BadFrame, Message
from producers.source import Parser, Source, StreamSource
from tidemark.settings import Settings

log = structlog.get_logger(__name__)

SOURCE = "bitstamp"

_CHANNEL = "live_trades_"
_SIDES = ("buy", "sell")  # by `type`: of the order that took the other


def sources(settings: Settings) -> list[Source]:
    """Return the stream of the pairs."""
    group = settings.bitstamp
    asked = tuple(subscriptions(group.pairs))
    return [StreamSource(SOURCE, ("trades",), group.ws_url, asked, parse, group.max_age, ends_connection=is_farewell)]


def parser(part: str, settings: Settings) -> Parser:
    """Return the parser of its frames."""
    return parse


def subscriptions(pairs: list[str]) -> list[str]:
    """Return the requests that subscribe to the trades of ``pairs`` (``BTC/USD``)."""
    channels = [f"{_CHANNEL}{pair.replace('/', '').lower()}" for pair in pairs]
    return [orjson.dumps({"event": "bts:subscribe", "data": {"channel": one}}).decode() for one in channels]


def is_farewell(frame: str) -> bool:
    """Return whether the server says that it will soon close the connection, and wants another made."""
    if "bts:request_reconnect" not in frame:  # nearly every frame
        return False
    try:
        content = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return False
    return type(content) is dict and content.get("event") == "bts:request_reconnect"


def parse(frame: str | bytes, ingest_time: int) -> list[Message]:
    """Return the message of a trade received at ``ingest_time`` (epoch ms); none where the frame is noise.

    Raises BadFrame where it is not JSON, or not what Bitstamp documents.
    """
    content = decode(frame, "trades")
    event = content.get("event") if type(content) is dict else None
    if type(event) is not str:
        raise BadFrame("bad_frame", "expected an object with an event")
    if event == "bts:error":
        log.warning("subscription_refused", source=SOURCE, answer=str(content)[:300])
    if event != "trade":  # acknowledgements, heartbeats, farewells, other channels
        return []
    try:
        return [_trade(text(content["channel"]), content["data"], ingest_time)]
    except KeyError as error:
        raise BadFrame("bad_frame", f"trade: {error.args[0]} is missing") from None
    except (ValueError, TypeError) as error:
        raise BadFrame("bad_frame", f"trade: {error}") from None


def _trade(channel: str, item: dict[str, Any], ingest_time: int) -> Message:
    if not channel.startswith(_CHANNEL):
        raise ValueError(f"{ascii(channel)[:40]} is not a channel of trades")
    pair = coins.pair_of_market(channel.removeprefix(_CHANNEL).upper())
    side = integer(item["type"])
    if side not in (0, 1):
        raise ValueError(f"{side} is not a side")
    value = {
        "source": SOURCE,
        "symbol": pair.partition("/")[0],
        "pair": pair,
        "trade_id": str(integer(item["id"])),
        "price": number(item["price_str"]),
        "quantity": number(item["amount_str"]),
        "side": _SIDES[side],
        "event_time": _millis(item["microtimestamp"]),
        "ingest_time": ingest_time,
    }
    return Message("trades", pair, value)


def _millis(microseconds: Any) -> int:
    """Return epoch ms of epoch microseconds written as text."""
    if not (text(microseconds).isascii() and microseconds.isdigit() and len(microseconds) < 20):
        raise ValueError(f"{ascii(microseconds)[:40]} is not a time in microseconds")
    return int(microseconds) // 1000
