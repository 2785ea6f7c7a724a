"""Binance spot trades: combined and single WebSocket streams.

Format: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams. ``trade`` and
``aggTrade`` events become messages. Their ids are two number spaces (an aggregate covers trades ``f`` to
``l``), so that of an aggregate is written ``a15683430``; subscribe to one of the two for a pair, not to both.
"""

from __future__ import annotations

import time
from typing import Any

import orjson
import structlog

from producers import coins
from producers.frames import decode, integer, number, text
from producers.http import Http
from producers.message import BadFrame, Message, PollError
from producers.source import Parser, Source, StreamSource
from tidemark.settings import Binance, Settings

log = structlog.get_logger(__name__)

SOURCE = "binance"

# Field of the event's id and what is written before it.
_TRADES = {"trade": ("t", ""), "aggTrade": ("a", "a")}
# Events without a type of their own: best bid and ask, partial depth, answers to requests, errors.
_UNTYPED_NOISE = ("lastUpdateId", "result", "error", "id", "code")


def sources(settings: Settings) -> list[Source]:
    """Return the combined stream of the pairs."""
    group = settings.binance
    url = stream_url(group.ws_url, group.pairs)
    return [StreamSource(SOURCE, ("trades",), url, (), parse, group.max_age, MissedTrades(group))]


def parser(part: str, settings: Settings) -> Parser:
    """Return the parser of its frames."""
    return parse


class MissedTrades:
    """Fetches trades by their ids, 1,000 an answer.

    Format: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints, old trade lookup.
    """

    _LIMIT = 1000

    def __init__(self, group: Binance) -> None:
        self._request = Http(f"{group.rest_url.rstrip('/')}/api/v3/historicalTrades", group)

    def __call__(self, pair: str, first: int, last: int) -> list[Message]:
        """Return the trades of ``pair`` with ids from ``first`` to ``last`` at most. Raises PollError."""
        market = pair.replace("/", "")
        limit = min(self._LIMIT, last - first + 1)
        body = self._request.get({"symbol": market, "fromId": str(first), "limit": str(limit)})
        now = time.time_ns() // 1_000_000
        try:
            rows = orjson.loads(body or b"")
            events = [
                {"s": market, "t": r["id"], "p": r["price"], "q": r["qty"], "T": r["time"], "m": r["isBuyerMaker"]}
                for r in rows
                if first <= r["id"] <= last
            ]
            return [_trade(event, "trade", now) for event in events]
        except (ValueError, KeyError, TypeError, BadFrame) as error:
            raise PollError(f"the answer is not a list of trades: {error}") from None


def stream_url(ws_url: str, pairs: list[str]) -> str:
    """Return the address of the combined trade stream of ``pairs`` (``BTC/USDT``)."""
    streams = "/".join(f"{pair.replace('/', '').lower()}@trade" for pair in pairs)
    return f"{ws_url.rstrip('/')}/stream?streams={streams}"


def parse(frame: str | bytes, ingest_time: int) -> list[Message]:
    """Return the messages of one frame received at ``ingest_time`` (epoch ms); none where it is noise.

    Raises BadFrame where it is not JSON, or not what Binance documents.
    """
    event = decode(frame, "trades")
    stream = ""
    if type(event) is dict and "stream" in event and "data" in event:
        stream = str(event["stream"])
        event = event["data"]
    if type(event) is list and stream.startswith("!"):  # all-market streams
        return []
    if type(event) is not dict:
        raise BadFrame("bad_frame", "expected an object")
    kind = event.get("e")
    if type(kind) is str and kind in _TRADES:
        return [_trade(event, kind, ingest_time)]
    if stream.endswith(("@trade", "@aggTrade")):
        raise BadFrame("bad_frame", f"expected a trade event, got {ascii(kind)[:40]}")
    if "error" in event or "code" in event:
        log.warning("request_refused", source=SOURCE, answer=str(event)[:300])
    if type(kind) is str or stream or _is_book_ticker(event) or any(name in event for name in _UNTYPED_NOISE):
        return []
    raise BadFrame("bad_frame", f"unknown object with {ascii(sorted(event))[:80]}")


def _is_book_ticker(event: dict[str, Any]) -> bool:
    return event.keys() >= {"u", "s", "b", "a"}


def _trade(event: dict[str, Any], kind: str, ingest_time: int) -> Message:
    id_field, id_prefix = _TRADES[kind]
    try:
        pair = coins.pair_of_market(text(event["s"]))
        buyer_is_maker = event["m"]
        if type(buyer_is_maker) is not bool:
            raise ValueError("m is not true or false")  # noqa: TRY301
        value = {
            "source": SOURCE,
            "symbol": pair.partition("/")[0],
            "pair": pair,
            "trade_id": f"{id_prefix}{integer(event[id_field])}",
            "price": number(event["p"]),
            "quantity": number(event["q"]),
            "side": "sell" if buyer_is_maker else "buy",  # of the taker: a maker who buys was sold to
            "event_time": integer(event["T"]),
            "ingest_time": ingest_time,
        }
    except KeyError as error:
        raise BadFrame("bad_frame", f"{kind}: {error.args[0]} is missing") from None
    except ValueError as error:
        raise BadFrame("bad_frame", f"{kind}: {error}") from None
    return Message("trades", pair, value)
