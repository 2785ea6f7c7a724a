"""What the way to Kafka does to messages: some are repeated, late, out of order, or come with malformed ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import cycle
from math import ceil
from random import Random
from typing import Any, Literal

from producers.market.config import DAY, MarketConfig
from producers.message import Message

JITTER_MS = 3_000
JITTER_SHARE = 0.1
DUPLICATE_MS = 5_000
LATE_MS = (30_000, 90_000)
_YEARS = 5 * 365 * DAY

Kind = Literal["sound", "late", "duplicate", "malformed"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it reaches Kafka at ``at_ms``; a malformed one with its ``fault`` and its bytes."""

    at_ms: int
    kind: Kind
    message: Message
    fault: str = ""
    payload: bytes = b""


def deliver(config: MarketConfig, messages: Iterable[Message], articles: list[Message]) -> Iterator[Arrival]:
    """Yield what comes of ``messages``, which are in order of event time, in the order in which it arrives.

    ``articles`` are those among them.
    """
    rng = config.random("faults")
    faults = {topic: cycle(rng.sample(kinds, len(kinds))) for topic, kinds in FAULTS.items()}
    # There are too few articles for a small rate to hit one; at least one is hit.
    unlucky = rng.sample(articles, ceil(config.malformed * len(articles)))
    bad_articles = {message.key for message in unlucky}
    last_late = config.end_ms - LATE_MS[1]
    waiting: list[tuple[int, int, Arrival]] = []
    count = 0

    def wait(arrival: Arrival) -> None:
        nonlocal count
        count += 1
        heappush(waiting, (arrival.at_ms, count, arrival))

    for message in messages:
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
