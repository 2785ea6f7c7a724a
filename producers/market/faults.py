"""What the way to Kafka does to messages: it repeats, delays, mixes up and loses some, and adds malformed ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import cycle
from math import ceil
from random import Random
from typing import Any, Literal

from producers.market.config import DAY, MarketConfig
from producers.market.plan import Outage
from producers.message import Message

JITTER_MS = 3_000
JITTER_SHARE = 0.1
DUPLICATE_MS = 5_000
LATE_MS = (30_000, 90_000)
BACK_MS = (30_000, 60_000)  # after an outage, when some of what was missed has been fetched
BACK_SHARE = (0.3, 0.7)
_YEARS = 5 * 365 * DAY

Kind = Literal["sound", "late", "backfill", "duplicate", "malformed"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it reaches Kafka at ``at_ms``; a malformed one with its ``fault`` and its bytes."""

    at_ms: int
    kind: Kind
    message: Message
    fault: str = ""
    payload: bytes = b""


def deliver(
    config: MarketConfig, messages: Iterable[Message], few: Mapping[str, list[Message]], outages: list[Outage]
) -> Iterator[Arrival]:
    """Yield what comes of ``messages``, which are in order of event time, in the order in which it arrives.

    ``few`` are those among them whose topics have so few that a small rate would hit none: at least one of each is. On
    the way the numbers of ``outages`` come true.
    """
    # Apart, so that what is polled changes nothing of what is streamed.
    streamed, polled = config.random("faults"), config.random("faults of what is polled")
    rngs = {topic: polled if topic in _POLLED else streamed for topic in FAULTS}
    faults = {topic: cycle(rngs[topic].sample(kinds, len(kinds))) for topic, kinds in FAULTS.items()}
    unlucky = {
        id(message)
        for topic, found in few.items()
        for message in rngs[topic].sample(found, ceil(config.malformed * len(found)))
    }
    last_late = config.end_ms - LATE_MS[1]
    waiting: list[tuple[int, int, Arrival]] = []
    count = 0
    fetching = config.random("backfill")
    held: list[tuple[Outage, list[Message]]] = [(one, []) for one in sorted(outages, key=lambda one: one.end_ms)]

    def wait(arrival: Arrival) -> None:
        nonlocal count
        count += 1
        heappush(waiting, (arrival.at_ms, count, arrival))

    for message in messages:
        event_time: int = message.value["event_time"]
        while held and held[0][0].end_ms <= event_time:
            for arrival in _fetched(*held.pop(0), fetching):
                wait(arrival)
        while waiting and waiting[0][0] <= event_time:
            yield heappop(waiting)[2]
        if message.topic == "trades" and (missed := _held(held, message.key, event_time)) is not None:
            missed.append(message)
            continue
        rng = rngs[message.topic]
        # A day's value is there from its midnight on, or from the start.
        since = max(event_time, config.start_ms)
        at = message.value.get("ingest_time", since)
        if rng.random() < JITTER_SHARE:
            at = since + int(rng.random() * JITTER_MS)
        if message.topic == "trades" and event_time < last_late and rng.random() < config.late:
            at = event_time + rng.randint(*LATE_MS)
            wait(Arrival(at, "late", message))
        else:
            wait(Arrival(at, "sound", message))
            if rng.random() < config.duplicates:
                wait(Arrival(at + rng.randrange(DUPLICATE_MS), "duplicate", message))
        if id(message) in unlucky if message.topic in few else rng.random() < config.malformed:
            fault = next(faults[message.topic])
            wait(Arrival(at, "malformed", message, fault, spoil(fault, message, rng)))
    while waiting:
        yield heappop(waiting)[2]


def _held(held: list[tuple[Outage, list[Message]]], pair: str, event_time: int) -> list[Message] | None:
    """Return what the outage has missed so far that ``pair`` has at ``event_time``, None where it has none."""
    for outage, missed in held:
        if outage.pair == pair and outage.time_ms <= event_time < outage.end_ms:
            return missed
    return None


def _fetched(outage: Outage, missed: list[Message], rng: Random) -> list[Arrival]:
    """Return what of the ``missed`` trades arrives after all, and note it all in ``outage``."""
    returned = round(len(missed) * rng.uniform(*BACK_SHARE))
    outage.back_ms = outage.end_ms + rng.randint(*BACK_MS)
    outage.missed, outage.returned = len(missed), returned
    if missed:
        outage.first_id, outage.last_id = (int(trade.value["trade_id"]) for trade in (missed[0], missed[-1]))
    return [
        Arrival(outage.back_ms, "backfill", replace(trade, value={**trade.value, "ingest_time": outage.back_ms}))
        for trade in missed[len(missed) - returned :]
    ]


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
    "prices": {
        "text_for_number": ("price_usd", "expensive"),
        "nan_text": ("price_usd", "NaN"),
        "nan_token": ("price_usd", float("nan")),
        "object_for_text": ("symbol", {"base": "BTC"}),
        "zero_price": ("price_usd", 0),
        "negative_price": ("price_usd", -1.5),
        "negative_quantity": ("volume_24h", -0.25),
        "time_1970": ("event_time", DAY),
    },
    "market_sentiment": {
        "text_for_number": ("value", "greedy"),
        "object_for_text": ("source", {"name": "alternative.me"}),
        "negative_quantity": ("value", -1),
        "time_1970": ("event_time", DAY),
    },
    "macro": {
        "text_for_number": ("value", "."),
        "nan_text": ("value", "NaN"),
        "nan_token": ("value", float("nan")),
        "object_for_text": ("indicator", {"id": "DFF"}),
    },
}
_POLLED = ("prices", "market_sentiment", "macro")
_MISSING = {
    "trades": ("pair", "trade_id", "price", "quantity", "side", "event_time"),
    "tickers": ("pair", "last", "event_time"),
    "articles": ("id", "url", "event_time"),
    "prices": ("symbol", "source", "price_usd", "event_time"),
    "market_sentiment": ("source", "value", "event_time"),
    "macro": ("indicator", "value", "date", "event_time"),
}
FAULTS: dict[str, list[str]] = {
    topic: [*_NO_OBJECT, *wrong, "missing_field", "time_future"] for topic, wrong in _WRONG_FIELDS.items()
}


def spoil(fault: str, message: Message, rng: Random) -> bytes:
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
