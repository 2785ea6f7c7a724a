"""Kraken ticker and trades: WebSocket v2 objects and v1 arrays.

Formats: https://docs.kraken.com/api/docs/websocket-v2/ticker and /trade; v1:
https://docs.kraken.com/api/docs/websocket-v1. What v1 leaves out is made up for: a trade has no id, so it
gets one from its content; a ticker has no time, so its event time is when it arrived (always later than the
pair's ticker before it, lest two in one millisecond be taken for one).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
import structlog

from producers import coins
from producers.frames import decode, integer, iso_millis, number, seconds_millis, text
from producers.message import BadFrame, Message
from producers.source import Parser, Source, StreamSource
from tidemark.settings import Settings

log = structlog.get_logger(__name__)

SOURCE = "kraken"

_SIDES = {"b": "buy", "s": "sell", "buy": "buy", "sell": "sell"}
_TOPICS = {"trade": "trades", "ticker": "tickers"}


def sources(settings: Settings) -> list[Source]:
    """Return the stream of the pairs."""
    group = settings.kraken
    topics = tuple(_TOPICS.values())
    return [
        StreamSource(SOURCE, topics, group.ws_url, tuple(subscriptions(group.pairs)), KrakenParser(), group.max_age)
    ]


def parser(part: str, settings: Settings) -> Parser:
    """Return a parser of its frames that has seen no ticker yet."""
    return KrakenParser()


def subscriptions(pairs: list[str]) -> list[str]:
    """Return the v2 requests that subscribe to ticker and trades of ``pairs`` (``BTC/USD``).

    Trades come without the snapshot of the last 50, which after a reconnect would send known ones again.
    """
    return [
        orjson.dumps(
            {
                "method": "subscribe",
                "params": {"channel": channel, "symbol": pairs, "snapshot": channel == "ticker"},
            }
        ).decode()
        for channel in _TOPICS
    ]


class KrakenParser:
    """Turns frames into messages; remembers each pair's previous ticker, for ``change_pct``."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._ticked: dict[str, int] = {}

    def __call__(self, frame: str | bytes, ingest_time: int) -> list[Message]:
        """Return the messages of one frame received at ``ingest_time`` (epoch ms); none where it is noise.

        Raises BadFrame where it is not JSON, or not what Kraken documents; the sound items of a v2 or v1 list
        are then in ``BadFrame.good``.
        """
        content = decode(frame, "trades")
        if type(content) is list:
            return self._v1(content, ingest_time)
        if type(content) is not dict:
            raise BadFrame("bad_frame", "expected an object or a list")
        channel = content.get("channel")
        if type(channel) is str and channel in _TOPICS:
            items = content.get("data")
            read = self._ticker_v2 if channel == "ticker" else self._trade_v2
            return _each(items, channel, lambda item: read(item, ingest_time))
        return _noise(content)

    def _v1(self, content: list[Any], ingest_time: int) -> list[Message]:
        # [channelID, payload, channelName, pair]; a book update may have two payloads
        if len(content) < 4 or type(content[-2]) is not str or type(content[-1]) is not str:
            raise BadFrame("bad_frame", "expected [channelID, payload, channelName, pair]")
        channel, venue_pair = content[-2], content[-1]
        if channel not in _TOPICS:
            return []
        if len(content) != 4:
            raise BadFrame("bad_frame", f"{channel}: expected one payload", _TOPICS[channel])
        if channel == "ticker":
            return _each([content[1]], channel, lambda item: self._ticker_v1(item, venue_pair, ingest_time))
        seen: Counter[str] = Counter()
        return _each(content[1], channel, lambda item: _trade_v1(item, venue_pair, ingest_time, seen))

    def _trade_v2(self, item: dict[str, Any], ingest_time: int) -> Message:
        return _trade(
            pair=coins.pair(text(item["symbol"])),
            trade_id=str(integer(item["trade_id"])),
            price=item["price"],
            quantity=item["qty"],
            side=item["side"],
            event_time=iso_millis(item["timestamp"]),
            ingest_time=ingest_time,
        )

    def _ticker_v2(self, item: dict[str, Any], ingest_time: int) -> Message:
        pair = coins.pair(text(item["symbol"]))
        timed = "timestamp" in item  # absent before 2025
        event_time = iso_millis(item["timestamp"]) if timed else self._arrival(pair, ingest_time)
        return self._ticker(pair, item["last"], item["bid"], item["ask"], item["volume"], event_time, ingest_time)

    def _ticker_v1(self, item: dict[str, Any], venue_pair: str, ingest_time: int) -> Message:
        pair = coins.pair(venue_pair)
        last, bid, ask, volume_24h = (
            item["c"][0],
            item["b"][0],
            item["a"][0],
            item["v"][1],
        )  # v: today, last 24 h
        message = self._ticker(pair, last, bid, ask, volume_24h, ingest_time, ingest_time)
        message.value["event_time"] = self._arrival(pair, ingest_time)
        return message

    def _arrival(self, pair: str, ingest_time: int) -> int:
        self._ticked[pair] = max(ingest_time, self._ticked.get(pair, 0) + 1)
        return self._ticked[pair]

    def _ticker(
        self, pair: str, last: Any, bid: Any, ask: Any, volume_24h: Any, event_time: int, ingest_time: int
    ) -> Message:
        price = number(last)
        value = {
            "source": SOURCE,
            "symbol": pair.partition("/")[0],
            "pair": pair,
            "last": price,
            "bid": number(bid),
            "ask": number(ask),
            "volume_24h": number(volume_24h),
            "change_pct": None,
            "event_time": event_time,
            "ingest_time": ingest_time,
        }
        previous = self._last.get(pair)
        if previous is not None:
            value["change_pct"] = (price - previous) / previous * 100
        if price > 0:
            self._last[pair] = price
        return Message("tickers", pair, value)


def _trade_v1(item: list[Any], venue_pair: str, ingest_time: int, seen: Counter[str]) -> Message:
    price, volume, time, side = item[:4]
    pair = coins.pair(venue_pair)
    content = f"{pair}|{time}|{price}|{volume}|{side}"
    seen[content] += 1  # two identical trades of a frame are two trades
    digest = hashlib.sha256(f"{content}|{seen[content]}".encode("utf-8", "backslashreplace")).hexdigest()
    return _trade(
        pair=pair,
        trade_id=f"v1:{digest[:32]}",
        price=price,
        quantity=volume,
        side=side,
        event_time=seconds_millis(time),
        ingest_time=ingest_time,
    )


def _trade(
    *, pair: str, trade_id: str, price: Any, quantity: Any, side: Any, event_time: int, ingest_time: int
) -> Message:
    if text(side) not in _SIDES:
        raise ValueError(f"{ascii(side)[:40]} is not a side")
    value = {
        "source": SOURCE,
        "symbol": pair.partition("/")[0],
        "pair": pair,
        "trade_id": trade_id,
        "price": number(price),
        "quantity": number(quantity),
        "side": _SIDES[side],
        "event_time": event_time,
        "ingest_time": ingest_time,
    }
    return Message("trades", pair, value)


def _each(items: Any, channel: str, read: Callable[[Any], Message]) -> list[Message]:
    """Return the message of each item, or raise BadFrame with the good ones."""
    topic = _TOPICS[channel]
    if type(items) is not list:
        raise BadFrame("bad_frame", f"{channel}: expected a list of items", topic)
    good: list[Message] = []
    faults: list[str] = []
    for item in items:
        try:
            good.append(read(item))
        except KeyError as error:  # noqa: PERF203 - each item for itself
            faults.append(f"{error.args[0]} is missing")
        except (ValueError, TypeError, IndexError) as error:
            faults.append(str(error))
    if faults:
        raise BadFrame("bad_frame", f"{channel}: {faults[0]} ({len(faults)} of {len(items)} items)", topic, tuple(good))
    return good


def _noise(content: dict[str, Any]) -> list[Message]:
    """Return nothing for what is not data: heartbeat, status, acknowledgements, other channels; log a
    refusal.
    """
    if content.get("success") is False or content.get("status") == "error" or "error" in content:
        log.warning("subscription_refused", source=SOURCE, answer=str(content)[:300])
        return []
    if any(type(content.get(name)) is str for name in ("channel", "event", "method")):
        return []
    raise BadFrame("bad_frame", f"unknown object with {ascii(sorted(content))[:80]}")
