from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import contract
from producers.message import BadFrame, Message
from producers.sources import binance
from tests.captures import captures
from tests.exchange.server import binance_frames

NOW = 1_763_700_000_000
TRADE: dict[str, Any] = {
    "e": "trade",
    "E": 1610064000279,
    "s": "BTCUSDT",
    "t": 553287559,
    "p": "39432.48000000",
    "q": "0.00026300",
    "T": 1610064000278,
    "m": True,
    "M": True,
}


def test_the_capture_gives_its_two_aggregates_and_nothing_else() -> None:
    lines = (captures() / "frames" / "binance.jsonl").read_text().splitlines()
    expected = [json.loads(line)["data"] for line in lines if '"e":"aggTrade"' in line]
    assert (len(lines), len(expected)) == (265, 2)
    messages = [message for line in lines for message in binance.parse(line, NOW)]
    assert [m.value["trade_id"] for m in messages] == [f"a{event['a']}" for event in expected]
    assert [m.value["price"] for m in messages] == [float(event["p"]) for event in expected]
    assert [m.key for m in messages] == ["NKN/USDT", "LRC/BTC"]
    for message in messages:
        contract.check(message.topic, message.value)


def test_the_2001_real_trades_pass_whole() -> None:
    frames = binance_frames(captures() / "trades" / "binance_btcusdt_2021-01-08.csv")
    messages = [message for frame in frames for message in binance.parse(frame, NOW)]
    assert len(messages) == 2001
    ids = [int(message.value["trade_id"]) for message in messages]
    assert ids == list(range(ids[0], ids[0] + 2001))
    makers = Counter(json.loads(frame)["data"]["m"] for frame in frames)
    assert Counter(m.value["side"] for m in messages) == {"sell": makers[True], "buy": makers[False]}


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"stream": "btcusdt@trade", "data": e}])
def test_a_trade_alone_or_in_a_combined_stream(wrap: Any) -> None:
    assert binance.parse(json.dumps(wrap(TRADE)), NOW) == [
        Message(
            "trades",
            "BTC/USDT",
            {
                "source": "binance",
                "symbol": "BTC",
                "pair": "BTC/USDT",
                "trade_id": "553287559",
                "price": 39432.48,
                "quantity": 0.000263,
                "side": "sell",
                "event_time": 1610064000278,
                "ingest_time": NOW,
            },
        )
    ]


@pytest.mark.parametrize(
    "noise",
    [
        {"result": None, "id": 1},
        {"error": {"code": 2, "msg": "Invalid request"}, "id": 1},
        {"u": 1, "s": "BTCUSDT", "b": "1", "B": "1", "a": "2", "A": "1"},
        {"lastUpdateId": 160, "bids": [], "asks": []},
        {"e": "kline", "s": "BTCUSDT", "k": {}},
        {"e": "serverShutdown", "E": 1},
        {"stream": "!miniTicker@arr", "data": [{"e": "24hrMiniTicker"}]},
    ],
)
def test_noise_is_nothing(noise: Any) -> None:
    assert binance.parse(json.dumps(noise), NOW) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"p": "abc"}, "not a number"),
        ({"p": "NaN"}, "not a number"),
        ({"q": True}, "not a number"),
        ({"t": "12"}, "not an integer"),
        ({"T": 1.5}, "not an integer"),
        ({"T": None}, "not an integer"),
        ({"m": "true"}, "m is not"),
        ({"s": "BTCXYZ"}, "known quote"),
        ({"s": 5}, "not a text"),
    ],
)
def test_a_malformed_trade_is_a_bad_frame(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadFrame, match=said) as caught:
        binance.parse(json.dumps({**TRADE, **change}), NOW)
    assert caught.value.code == "bad_frame"


@pytest.mark.parametrize("name", ["s", "t", "p", "q", "T", "m"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(BadFrame, match=f"{name} is missing"):
        binance.parse(json.dumps({key: value for key, value in TRADE.items() if key != name}), NOW)


@pytest.mark.parametrize("frame", ["", "{", "{'e':1}", b"\xff\xfe", '{"p": NaN}', "\ud800", "[" * 5000])
def test_not_json(frame: str | bytes) -> None:
    with pytest.raises(BadFrame) as caught:
        binance.parse(frame, NOW)
    assert caught.value.code == "not_json"


@pytest.mark.parametrize(
    "frame", ["5", "null", "[1]", '"trade"', "{}", '{"a":1}', '{"stream":"btcusdt@trade","data":{}}']
)
def test_json_of_another_shape_is_a_bad_frame(frame: str) -> None:
    with pytest.raises(BadFrame) as caught:
        binance.parse(frame, NOW)
    assert caught.value.code == "bad_frame"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def survives(frame: str | bytes) -> None:
    with suppress(BadFrame):
        assert all(isinstance(message, Message) for message in binance.parse(frame, NOW))


@given(st.text() | st.binary())
def test_no_input_crashes_the_parser(frame: str | bytes) -> None:
    survives(frame)


@given(st.sampled_from(sorted(TRADE)), ANYTHING, st.sampled_from(["trade", "aggTrade"]))
def test_no_field_crashes_the_parser(name: str, value: Any, kind: str) -> None:
    survives(json.dumps({**TRADE, "e": kind, "a": 7, name: value}))


@given(ANYTHING, ANYTHING)
def test_no_json_crashes_the_parser(stream: Any, data: Any) -> None:
    survives(json.dumps(data))
    survives(json.dumps({"stream": stream, "data": data}))


def test_the_combined_stream_address() -> None:
    url = binance.stream_url("wss://host:9443/", ["BTC/USDT", "ETH/USDT"])
    assert url == "wss://host:9443/stream?streams=btcusdt@trade/ethusdt@trade"
