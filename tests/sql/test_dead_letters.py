"""Whatever bytes are on a topic: each message is stored or a dead letter, never both, never neither.

Two parsers have to agree on that (sql/flink/jobs/ingest/dead_letters.sql), so they are given thousands of messages
spoilt in every way, and a third one is the judge. Not among these: UTF-16 and UTF-32, which are no JSON (RFC 8259)
and which Flink's JSON tables read all the same; such a message is stored, and reported as well.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, NoReturn

import pytest

from producers import contract
from tests.sql.mutations import Spoilt, sound, spoilt
from tests.world import Row, World

pytestmark = pytest.mark.stack

COUNT = 18_000
LATEST = 4_102_444_800_000  # 2100: the job's bound of an ingest time, for which the contract has none
SYMBOL = re.compile("[A-Z0-9]{1,20}")  # and for the symbols of an article neither
# Overlong forms, surrogates and what lies beyond Unicode: Flink's JSON parser reads them, no other decoder does.
SLOPPY = re.compile(rb"[\xc0\xc1\xf5-\xf7]|\xe0[\x80-\x9f]|\xed[\xa0-\xbf]|\xf0[\x80-\x8f]|\xf4[\x90-\xbf]")
TABLES = {  # what each topic is stored in, and the two fields that tell its messages apart
    "trades": ("trade_data", "trade_id", "ingest_time"),
    "tickers": ("ticker_data", "pair", "ingest_time"),
    "articles": ("article_data", "id", "ingest_time"),
    "prices": ("price_data", "symbol", "ingest_time"),
    "market_sentiment": ("market_sentiment_data", "source", "event_time"),
    "macro": ("macro_data", "indicator", "event_time"),
}


class Outcome:
    """What became of each message, by its number."""

    def __init__(self, world: World, messages: list[Spoilt]) -> None:
        self.messages = messages
        self.stored: dict[int, list[Row]] = defaultdict(list)
        self.dead: dict[int, list[Row]] = defaultdict(list)
        places = {}
        for topic in TABLES:
            for partition in range(3):
                mine = [message for message in messages if message.topic == topic and message.n % 3 == partition]
                offsets = world.put(topic, [message.payload for message in mine], partition)
                places.update({(world.name(topic), *at): m.n for at, m in zip(offsets, mine, strict=True)})
        world.run("ingest")
        for letter in world.topic("dead_letters"):
            self.dead[places[letter["original_topic"], letter["partition"], letter["offset"]]].append(letter)
        for topic, (table, key, time) in TABLES.items():
            values = {message.n: sound(topic, message.n) for message in messages if message.topic == topic}
            by_key = {value[key]: n for n, value in values.items()}
            by_time = {value[time]: n for n, value in values.items()}
            for row in world.rows(table):  # whichever of the two was spoilt, the other says who it is
                self.stored[by_key[row[key]] if row[key] in by_key else by_time[row[time]]].append(row)


@pytest.fixture(scope="module")
def outcome(case: Callable[..., World]) -> Outcome:
    return Outcome(case(), list(spoilt(COUNT, seed=3)))


def test_each_message_is_in_exactly_one_place(outcome: Outcome) -> None:
    wrong = [
        (message.mutation, message.payload, outcome.stored[message.n], outcome.dead[message.n])
        for message in outcome.messages
        if len(outcome.stored[message.n]) + len(outcome.dead[message.n]) != 1
    ]
    assert not wrong, f"{len(wrong)} messages, such as {wrong[:5]}"
    assert len(outcome.messages) > COUNT
    assert sum(map(len, outcome.stored.values())) > COUNT / 4
    assert sum(map(len, outcome.dead.values())) > COUNT / 4


def test_what_keeps_the_contract_is_stored_as_it_was(outcome: Outcome) -> None:
    checked = 0
    for message in outcome.messages:
        try:
            value = json.loads(message.payload or b"")
            contract.check(message.topic, value)
        except (ValueError, RecursionError, contract.ContractError):
            continue
        beyond = value.get("ingest_time", 0) > LATEST or not is_object(message.payload or b"")
        beyond |= message.topic == "macro" and not is_midnight_of(value["date"], value["event_time"])
        if beyond or not all(map(SYMBOL.fullmatch, value.get("cryptocurrencies_mentioned", []))):
            continue
        checked += 1
        assert outcome.stored[message.n], (message, outcome.dead[message.n])
        (row,) = outcome.stored[message.n]
        for name in value.keys() - {"sentiment", "cryptocurrencies_mentioned"}:
            assert row[name] == value[name]
    assert checked > COUNT / 10


def test_what_is_stored_keeps_the_bounds_of_the_contract(outcome: Outcome) -> None:
    for message in outcome.messages:
        for row in outcome.stored[message.n]:
            value = {
                **sound(message.topic, message.n),
                **{k: v for k, v in row.items() if k in sound(message.topic, 0)},
            }
            if message.topic == "articles":
                value["cryptocurrencies_mentioned"] = row["symbols"]
                value["sentiment"] = {name: row[f"sentiment_{name}"] for name in ("score", "polarity", "label")}
            contract.check(message.topic, value)


def test_the_reason_is_right_and_the_text_is_kept(outcome: Outcome) -> None:
    for message in outcome.messages:
        for letter in outcome.dead[message.n]:
            payload = message.payload or b""
            if not SLOPPY.search(payload):
                assert (letter["error"] == "not_json") != is_object(payload), (payload[:2000], letter["error"])
            if len(payload) > 150_000:
                assert letter["detail"].endswith("(the first 150000 bytes kept)")
                assert len(letter["message"]) <= 150_000
            else:
                if not SLOPPY.search(payload):
                    assert letter["message"] == text_of(payload)


def is_midnight_of(day: str, at: int) -> bool:
    """Return whether ``at`` (epoch ms) begins the day (ISO 8601), if there is such a one."""
    return datetime.fromtimestamp(at / 1000, timezone.utc).isoformat() == f"{day}T00:00:00+00:00"


def text_of(payload: bytes) -> str:
    """Return the bytes as text, in ISO 8859-1 where they are not UTF-8."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload.decode("latin-1")


def is_object(payload: bytes) -> bool:
    """Return whether Python's parser finds a JSON object at the beginning, or an array that begins with one."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    try:
        text = payload.decode("utf-8-sig", "surrogateescape").lstrip(" \t\r\n")
        value, end = json.JSONDecoder(strict=False, parse_constant=refuse, parse_int=str).raw_decode(text)
    except (ValueError, RecursionError):
        return False
    if re.search("[\udc80-\udcff]", text[:end]) or re.search(r"[0-9]{1001}", text[:end]):  # not UTF-8; Jackson's limit
        return False
    first: Any = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict)
