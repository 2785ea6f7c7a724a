from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import contract
from producers.contract import ContractError
from producers.dead_letters import Letter, Sent, harmless, messages, pretty, read, replay
from producers.message import Message
from producers.sink import MemorySink
from tests.unit.test_contract import ARTICLE, TRADE
from tidemark.settings import load

NOW = time.time_ns() // 1_000_000
SETTINGS = load()
KRAKEN = (
    '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":64000.5,"qty":0.25,'
    '"ord_type":"market","trade_id":7,"timestamp":"2024-05-01T12:00:00.250000Z"}]}'
)


def letter(message: str | dict[str, Any], error: str = "out_of_range", **fields: Any) -> Letter:
    text = message if isinstance(message, str) else json.dumps(message)
    values = {"id": "0:0", "original_topic": "trades", "partition": 1, "offset": 2, "detail": "x", "event_time": NOW}
    return Letter(message=text, error=error, **{**values, **fields})


def test_a_letter_is_read_as_the_sink_writes_it() -> None:
    sink = MemorySink(SETTINGS)
    sink.dead_letter("trades", b"\xff\x00{", "not_json", "bad")
    ((_, _, payload),) = sink.payloads
    found = read("dead-letters", 2, 17, 5, payload)
    assert (found.id, found.original_topic, found.partition, found.offset) == ("2:17", "trades", None, None)
    assert (found.error, found.detail, found.message) == ("not_json", "bad", "\\xff\x00{")


@pytest.mark.parametrize("payload", [None, b"", b"\xff", b"[]", b'{"original_topic":"trades"}', b'{"error":1}'])
def test_what_is_no_letter_is_one_about_itself_and_never_sent(payload: bytes | None) -> None:
    found = read("dead-letters", 0, 3, 1_700_000_000_000, payload)
    assert (found.original_topic, found.partition, found.offset) == ("dead-letters", 0, 3)
    assert found.event_time == 1_700_000_000_000
    with pytest.raises(ContractError, match="no messages are sent to dead-letters"):
        messages(found, SETTINGS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bitcoin – ₿ 東京", "Bitcoin – ₿ 東京"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("a\nb\r\tc\x7f\x9b31m", "a\\nb\\r\\tc\\x7f\\x9b31m"),
        ("\u202etxt.exe\u2066\u200b\u2028", "\\u202etxt.exe\\u2066\\u200b\\u2028"),
    ],
)
def test_text_of_a_feed_cannot_speak_to_the_terminal(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_json_is_indented_and_nothing_of_it_changed() -> None:
    text = '{"a":[1.10,{}, [ ]],"a":123456789012345678901234567890,"s":"x,]\\"\\u001b\x9b"}'
    assert pretty(text) == (
        '{\n  "a": [\n    1.10,\n    {},\n    []\n  ],\n  "a": 123456789012345678901234567890,\n'
        '  "s": "x,]\\"\\u001b\\x9b"\n}'
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@settings(max_examples=40)
@given(JSON)
def test_indenting_keeps_the_meaning_of_any_json(value: Any) -> None:
    text = json.dumps(value)
    assert json.loads(pretty(text)) == value
    assert all(line.isprintable() for line in pretty(text).split("\n"))


@settings(max_examples=150)
@given(st.text())
def test_nothing_unprintable_is_shown_of_any_original(text: str) -> None:
    assert all(line.isprintable() for line in pretty(text).split("\n"))


def test_deep_nesting_does_not_explode() -> None:
    assert len(pretty("[" * 1000 + "]" * 1000)) < 200_000
    assert pretty("[" * 75_000) == "[" * 75_000


def test_a_message_is_due_once_its_time_has_come() -> None:
    early = letter({**TRADE, "event_time": NOW + 1000}, "time_out_of_range")
    assert messages(early, SETTINGS) == [Message("trades", TRADE["pair"], {**TRADE, "event_time": NOW + 1000})]
    late = letter({**TRADE, "event_time": NOW + 7_200_000}, "time_out_of_range")
    with pytest.raises(ContractError, match="in the future"):
        messages(late, SETTINGS)
    assert messages(late, load(limits={"max_future": "3h"}))


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({**TRADE, "price": 0}, "out_of_range"),
        ({**TRADE, "side": "hold"}, "invalid_field"),
        ({}, "invalid_field"),
        ("[1, 2]", "invalid_field"),
        ("null", "invalid_field"),
        ("", "not_json"),
        ('{"price": NaN}', "not_json"),
        (json.dumps(TRADE)[:-3], "not_json"),
    ],
)
def test_what_still_breaks_the_contract_says_how(message: str | dict[str, Any], code: str) -> None:
    with pytest.raises(ContractError) as caught:
        messages(letter(message), SETTINGS)
    assert caught.value.code == code


def test_bytes_that_the_job_kept_as_iso_8859_1_are_not_taken_for_text() -> None:
    text = json.dumps({**ARTICLE, "title": "caf\xc3"}, ensure_ascii=False)
    assert messages(letter(text, "invalid_field", original_topic="articles"), SETTINGS)[0].key == ARTICLE["id"]
    with pytest.raises(ContractError, match="not UTF-8"):
        messages(letter(text, "not_json", original_topic="articles"), SETTINGS)


def test_a_frame_that_its_parser_reads_by_now_gives_its_messages() -> None:
    frame = letter(KRAKEN, "bad_frame", partition=None, offset=None)
    (found,) = messages(frame, SETTINGS)
    assert (found.topic, found.key, found.value["trade_id"]) == ("trades", "BTC/USD", "7")
    assert found.value["ingest_time"] == NOW


@pytest.mark.parametrize(
    "frame",
    ["", "{", '{"a":1}', "[]", '{"event":"heartbeat"}', KRAKEN.replace("64000.5", '"much"'), json.dumps(TRADE)],
)
def test_a_frame_that_no_parser_reads_stays(frame: str) -> None:
    with pytest.raises(ContractError, match="bad_frame: no source's parser"):
        messages(letter(frame, "bad_frame", partition=None, offset=None), SETTINGS)


def test_a_frame_whose_message_breaks_the_contract_stays_whole() -> None:
    two = KRAKEN.replace('"data":[', '"data":[' + KRAKEN[KRAKEN.index("[") + 1 : -2].replace("64000.5", "-1") + ",")
    with pytest.raises(ContractError, match="price"):
        messages(letter(two, "bad_frame", partition=None, offset=None), SETTINGS)


def test_topics_are_those_of_the_settings() -> None:
    with pytest.raises(ContractError, match=r"eu\.trades"):
        messages(letter(TRADE, original_topic="eu.trades"), SETTINGS)
    with pytest.raises(ContractError, match="alerts"):
        messages(letter(TRADE, original_topic="alerts"), SETTINGS)
    assert messages(letter(TRADE, original_topic="eu.trades"), load(topics={"trades": "eu.trades"}))


def test_a_second_replay_sends_nothing_unasked(tmp_path: Path) -> None:
    letters = [
        letter(TRADE, id="0:1"),
        letter({**TRADE, "price": 0}, id="0:2", offset=3),
        letter("{", "not_json", id="1:2", offset=4),
    ]
    memory = tmp_path / "data" / "replayed"
    sink = MemorySink(SETTINGS)
    with Sent(memory) as sent:
        only_told = replay(letters, SETTINGS, sent, None)
    assert (only_told.sent, sink.payloads) == (["0:1"], [])
    with Sent(memory) as sent:
        first = replay(letters, SETTINGS, sent, sink)
    assert (first.sent, first.before, first.messages) == (["0:1"], [], {"trades": 1})
    assert {name: error.code for name, error in first.refused.items()} == {"0:2": "out_of_range", "1:2": "not_json"}
    with Sent(memory) as sent:
        second = replay(letters, SETTINGS, sent, sink)
    assert (second.sent, second.before, len(second.refused)) == ([], ["0:1"], 2)
    assert sink.messages == [Message("trades", TRADE["pair"], TRADE)]
    with Sent(memory) as sent:
        third = replay(letters, SETTINGS, sent, sink, again=True)
    assert (third.sent, len(sink.messages)) == (["0:1"], 2)
    assert memory.read_text() == "trades:1:2\n"
    assert sink.dead_letters == []


def test_ids_are_on_the_disk_before_the_first_message_is_sent(tmp_path: Path) -> None:
    class Failing(MemorySink):
        def _put(self, topic: str, *args: Any, **kwargs: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Sent(tmp_path / "replayed") as sent:
        replay([letter(TRADE, partition=None)], SETTINGS, sent, Failing(SETTINGS))
    assert (tmp_path / "replayed").read_text() == "0:0\n"


def test_two_letters_about_one_message_send_it_once(tmp_path: Path) -> None:
    sink = MemorySink(SETTINGS)
    twice = [letter(TRADE, id="0:1"), letter(TRADE, id="1:8")]
    with Sent(tmp_path / "replayed") as sent:
        first = replay(twice, SETTINGS, sent, sink, again=True)
        second = replay([letter(TRADE, id="2:9")], SETTINGS, sent, sink)
    assert (first.sent, first.before, second.before) == (["0:1"], ["1:8"], ["2:9"])
    assert len(sink.messages) == 1


def test_the_key_of_each_contract_is_one_of_its_fields() -> None:
    for topic in SETTINGS.topics.model_dump():
        if topic != "dead_letters":
            assert contract.key(topic) in contract.fields(topic)
