"""Rubbish among good messages: each piece becomes one dead letter with a reason, and nothing else happens."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from flink_jobs import cluster
from producers import contract
from tests.stack.conftest import all_jobs
from tests.world import World

pytestmark = pytest.mark.stack

_GOOD = 100_000
_BAD = 1_000
_START = 1_700_000_000_000


def _trade(number: int) -> dict[str, Any]:
    return {
        "source": "test",
        "symbol": "BTC",
        "pair": "BTC/USDT",
        "trade_id": str(number),
        "price": 30_000 + number % 7 / 4,
        "quantity": 0.5,
        "side": "sell" if number % 2 else "buy",
        "event_time": _START + number * 10,
        "ingest_time": _START + number * 10 + 5,
    }


def _without(field: str, trade: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in trade.items() if name != field}


def _bad(number: int) -> tuple[bytes, str]:
    """Return a malformed or out-of-range message, and the code of the dead letter it must become."""
    trade = _trade(number)
    text = contract.encode(trade)
    kinds: list[tuple[bytes, str]] = [
        (b"not json at all", "not_json"),
        (text[: len(text) // 2], "not_json"),
        (b"", "not_json"),
        (b"[1, 2, 3]", "not_json"),
        (b"null", "not_json"),
        (b'"text"', "not_json"),
        (b"{}", "invalid_field"),
        (contract.encode(_without("price", trade)), "invalid_field"),
        (contract.encode({**trade, "price": "cheap"}), "invalid_field"),
        (contract.encode({**trade, "price": "NaN"}), "invalid_field"),
        (contract.encode({**trade, "pair": {"base": "BTC"}}), "invalid_field"),
        (contract.encode({**trade, "side": "hold"}), "invalid_field"),
        (contract.encode({**trade, "price": 0}), "out_of_range"),
        (contract.encode({**trade, "price": -1.5}), "out_of_range"),
        (contract.encode({**trade, "quantity": -0.1}), "out_of_range"),
        (contract.encode({**trade, "price": 1e12}), "out_of_range"),
        (contract.encode({**trade, "event_time": 4_000_000_000_000}), "time_out_of_range"),
        (contract.encode({**trade, "event_time": 0}), "time_out_of_range"),
        (contract.encode({**trade, "trade_id": "x\0y"}), "invalid_field"),
        (b'{"source":"\xff\xfe"', "not_json"),
    ]
    return kinds[number % len(kinds)]


def test_a_thousand_bad_messages_among_a_hundred_thousand_good_ones(world: World) -> None:
    bad = [_bad(number) for number in range(_BAD)]
    messages: list[Any] = [_trade(number) for number in range(_GOOD)]
    for number, (payload, _) in enumerate(bad):
        messages.insert(number * (_GOOD // _BAD), payload)
    with all_jobs(world) as settle:
        world.put("trades", messages, partition=lambda value: len(value) % 3)
        settle()
        states = {job["name"]: job["state"] for job in cluster.jobs(world.settings)}
        assert states == dict.fromkeys(cluster.default_jobs(world.settings), "RUNNING")

    assert len(world.rows("trade_data")) == _GOOD
    letters = world.topic("dead_letters")
    assert len(letters) == _BAD
    assert Counter(letter["error"] for letter in letters) == Counter(code for _, code in bad)
    assert all(letter["detail"] and letter["original_topic"] == world.name("trades") for letter in letters)
    assert len({(letter["partition"], letter["offset"]) for letter in letters}) == _BAD
    assert Counter(letter["message"] for letter in letters) == Counter(_as_text(payload) for payload, _ in bad)


def _as_text(payload: bytes) -> str:
    """Return how a dead letter shows the original: no byte is lost where it is not UTF-8."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload.decode("iso-8859-1")
