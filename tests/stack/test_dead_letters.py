"""`tidemark dead-letters` on the running stack: what a producer and Flink have refused is seen, and sent again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from producers.message import Message
from producers.runloop import deliver, now_millis, parsed
from producers.sink import KafkaSink
from producers.sources.kraken import KrakenParser
from stack import topics
from tests.stack.conftest import run
from tests.stack.test_bad_input import _trade
from tests.unit.test_dead_letters import KRAKEN
from tests.world import World, wait_for

pytestmark = pytest.mark.stack

_CODES = ("not_json", "bad_frame", "invalid_field", "out_of_range", "time_out_of_range", "send_failed")
_FUTURE = 5  # seconds that an event time may lie ahead


def _early(number: int) -> dict[str, Any]:
    """Return a trade from a future that begins soon after it was refused."""
    return {**_trade(number), "event_time": now_millis() + (_FUTURE + 5) * 1000}


def _refused_by_a_producer(world: World) -> None:
    sink = KafkaSink(world.settings)
    for value in ({**_trade(1), "side": "hold"}, {**_trade(2), "price": 0}, _early(3)):
        sink.send(Message("trades", "BTC/USDT", value))
    for frame in ("{", '{"what":"is this"}'):
        deliver(parsed(KrakenParser(), frame, now_millis()), sink)
    sink.dead_letter("trades", KRAKEN, "bad_frame", "as if the parser had had a fault then")
    sink.send_bytes("trades", None, b"x" * 2_000_000)
    sink.close()


def test_dead_letters_are_listed_shown_and_sent_again(case: Callable[..., World]) -> None:
    world = case(limits={"max_future": f"{_FUTURE}s"})

    def letters(*words: str) -> Any:
        done = run(world, "dead-letters", *words, LIMITS__MAX_FUTURE=f"{_FUTURE}s")
        assert "Traceback" not in done.stderr
        return done

    assert (letters("list").returncode, letters("list").stdout) == (0, "There are no dead letters.\n")
    _refused_by_a_producer(world)
    rubbish = b"\x1b]0;owned\x07"
    early = _early(4)
    world.put("trades", [early, {**_trade(5), "price": -1.5}, rubbish])
    with world.running("ingest"):
        wait_for(lambda: len(world.topic("dead_letters")) == 10, "Flink's letters", 90)

        found = json.loads(letters("list", "--json").stdout)
        assert Counter(letter["error"] for letter in found["letters"]) == Counter([*_CODES, *_CODES[:2], *_CODES[3:5]])
        assert sum(line["count"] for line in found["summary"]) == found["total"] == 10
        by_message = {letter["message"]: letter for letter in found["letters"]}
        shown = letters("list", "--error", "not_json", "--since", "1h", "--limit", "1")
        assert (shown.returncode, shown.stdout.count(world.name("trades"))) == (0, 2)  # one letter, and the summary

        hostile = letters("show", by_message[rubbish.decode()]["id"])
        assert hostile.returncode == 0
        assert "  \\x1b]0;owned\\x07\n" in hostile.stdout
        assert "partition 0, offset 2" in hostile.stdout
        plain = letters("show", by_message[KRAKEN]["id"])
        assert '\n        "symbol": "BTC/USD",\n' in plain.stdout
        assert letters("show", "0:999999").returncode == letters("show", "x").returncode == 1

        wait_for(lambda: now_millis() > early["event_time"] - _FUTURE * 1000, "the trades' time to come", 30)
        asked = letters("replay", "--error", "time_out_of_range", "--dry-run")
        assert asked.stdout == f"2 would be sent (2 to {world.name('trades')})\n"
        told = letters("replay", "--topic", world.name("trades"))
        assert told.returncode == 0
        assert told.stdout.splitlines() == [
            f"3 sent (3 to {world.name('trades')})",
            "3 still refused: not_json",
            "2 still refused: out_of_range",
            "1 still refused: bad_frame",
            "1 still refused: invalid_field",
        ]
        wait_for(lambda: len(world.rows("trade_data")) == 3, "what was sent again", 60)
        repeated = letters("replay", frame := by_message[KRAKEN]["id"])
        assert repeated.returncode == 1
        assert f"1 were sent before: {frame}" in repeated.stdout
        assert letters("replay", frame, "--again").returncode == 0
        wait_for(
            lambda: topics.count(world.settings)[world.name("trades")] == 7, "the message that was asked for twice", 30
        )

    assert {row["trade_id"] for row in world.rows("trade_data")} == {"3", "4", "7"}
    assert len(world.topic("dead_letters")) == 10
