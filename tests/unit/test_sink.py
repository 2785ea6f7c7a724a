from __future__ import annotations

import socket

import pytest

from producers.message import Message
from producers.sink import KafkaSink, MemorySink
from tests.unit.test_contract import TRADE
from tidemark.errors import UserError
from tidemark.settings import load


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink(load())


def test_a_sound_message_is_sent_under_its_key(sink: MemorySink) -> None:
    message = Message("trades", "BTC/USDT", TRADE)
    sink.send(message)
    assert sink.messages == [message]
    assert sink.counts.sent == {"trades": 1}
    assert sink.dead_letters == []


@pytest.mark.parametrize(
    ("change", "code", "kept"),
    [
        ({"price": 0}, "out_of_range", '"price": 0'),
        ({"price": float("nan")}, "invalid_field", '"price": NaN'),
        ({"symbol": "\ud800"}, "invalid_field", '"symbol": "\\ud800"'),
        ({"price": {1, 2}}, "invalid_field", '"price": "{1, 2}"'),
        ({"event_time": 4_000_000_000_000}, "time_out_of_range", '"event_time": 4000000000000'),
    ],
)
def test_what_breaks_the_contract_is_kept_whole_with_the_reason(
    sink: MemorySink, change: dict[str, object], code: str, kept: str
) -> None:
    sink.send(Message("trades", "BTC/USDT", {**TRADE, **change}))
    assert sink.messages == []
    (letter,) = sink.dead_letters
    assert (letter["original_topic"], letter["error"]) == ("trades", code)
    assert (letter["partition"], letter["offset"]) == (None, None)
    assert letter["detail"].startswith(next(iter(change)))
    assert kept in letter["message"]
    assert sink.counts.dead == {code: 1}


def test_dead_letters_hold_any_bytes(sink: MemorySink) -> None:
    sink.dead_letter("trades", b"\xff\x00{", "not_json", "bad")
    sink.dead_letter("tickers", "\ud800", "not_json", "bad \ud800\0")
    assert [letter["message"] for letter in sink.dead_letters] == ["\\xff\x00{", "\\ud800"]
    assert sink.dead_letters[1]["detail"] == "bad \\ud800\\x00"


def test_a_huge_original_is_cut_to_what_the_broker_takes(sink: MemorySink) -> None:
    sink.dead_letter("trades", "\x01" * 2_000_000, "not_json", "bad")
    ((_, _, payload),) = sink.payloads
    assert len(payload) < 1_000_000
    assert "of 2000000 characters" in sink.dead_letters[0]["detail"]


def test_dead_letters_name_the_topic_of_the_settings() -> None:
    sink = MemorySink(load(topics={"trades": "eu.trades"}))
    sink.dead_letter("trades", "x", "not_json", "bad")
    assert sink.dead_letters[0]["original_topic"] == "eu.trades"


def test_bytes_go_unchecked(sink: MemorySink) -> None:
    sink.send_bytes("trades", "k", b"{")
    assert sink.payloads == [("trades", "k", b"{")]


def test_without_a_broker_one_sentence_and_what_to_do() -> None:
    with socket.socket() as bound:  # bound, not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(UserError, match=f"Kafka does not answer at {address}") as caught:
            KafkaSink(load(kafka={"bootstrap": address}), connect_timeout=0.5)
    assert "kafka.bootstrap" in caught.value.hint
