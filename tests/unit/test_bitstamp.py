from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import contract
from producers.message import BadFrame, Message
from producers.sink import MemorySink
from producers.sources import bitstamp
from tests.exchange.server import ExchangeServer
from tests.unit.test_binance import ANYTHING
from tests.unit.test_runloop import FAST, ids, running, stream, until
from tidemark.settings import Settings, load

NOW = 1_763_700_000_000
# A frame in the form of Bitstamp's documentation.
TRADE: dict[str, Any] = {
    "id": 437_020_811,
    "timestamp": "1763699999",
    "microtimestamp": "1763699999123456",
    "amount": 0.00115,
    "amount_str": "0.00115000",
    "price": 91234,
    "price_str": "91234",
    "type": 1,
    "buy_order_id": 1946010101010101,
    "sell_order_id": 1946010101010102,
}
FAREWELL = '{"event":"bts:request_reconnect","channel":"","data":""}'


def frame(channel: Any = "live_trades_btcusd", **change: Any) -> str:
    """Return the frame of a trade."""
    return json.dumps({"event": "trade", "channel": channel, "data": {**TRADE, **change}})


def settings(server: ExchangeServer) -> Settings:
    return load(bitstamp={"ws_url": f"{server.ws_url}/bitstamp", "pairs": ["BTC/USD", "XRP/EUR"]})


def test_a_trade_keeps_the_contract() -> None:
    (message,) = bitstamp.parse(frame(), NOW)
    assert message == Message(
        "trades",
        "BTC/USD",
        {
            "source": "bitstamp",
            "symbol": "BTC",
            "pair": "BTC/USD",
            "trade_id": "437020811",
            "price": 91234.0,
            "quantity": 0.00115,
            "side": "sell",
            "event_time": 1763699999123,
            "ingest_time": NOW,
        },
    )
    contract.check(message.topic, message.value)


def test_the_type_is_the_side_of_the_taker_and_the_channel_is_the_pair() -> None:
    (message,) = bitstamp.parse(frame("live_trades_xrpeur", type=0), NOW)
    assert (message.key, message.value["side"]) == ("XRP/EUR", "buy")


@pytest.mark.parametrize(
    "noise",
    [
        {"event": "bts:subscription_succeeded", "channel": "live_trades_btcusd", "data": {}},
        {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}},
        {"event": "bts:error", "channel": "", "data": {"code": None, "message": "Bad subscription string."}},
        {"event": "order_created", "channel": "live_orders_btcusd", "data": {"id": 1}},
        json.loads(FAREWELL),
    ],
)
def test_noise_is_nothing(noise: Any) -> None:
    assert bitstamp.parse(json.dumps(noise), NOW) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"price_str": "abc"}, "not a number"),
        ({"amount_str": None}, "not a number"),
        ({"id": "1"}, "not an integer"),
        ({"type": 2}, "not a side"),
        ({"type": True}, "not an integer"),
        ({"microtimestamp": 1763699999123456}, "not a text"),
        ({"microtimestamp": "-1"}, "microseconds"),
        ({"microtimestamp": "\u0661"}, "microseconds"),
        ({"microtimestamp": "9" * 5000}, "microseconds"),
        ({"channel": "order_book_btcusd"}, "not a channel"),
        ({"channel": "live_trades_btc"}, "known quote"),
        ({"channel": 5}, "not a text"),
    ],
)
def test_a_malformed_trade_is_a_bad_frame(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadFrame, match=said) as caught:
        bitstamp.parse(frame(**change), NOW)
    assert caught.value.code == "bad_frame"


@pytest.mark.parametrize("name", ["id", "microtimestamp", "amount_str", "price_str", "type"])
def test_a_missing_field_is_named(name: str) -> None:
    data = {key: value for key, value in TRADE.items() if key != name}
    with pytest.raises(BadFrame, match=f"{name} is missing"):
        bitstamp.parse(json.dumps({"event": "trade", "channel": "live_trades_btcusd", "data": data}), NOW)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{broken", "not_json"),
        (b"\xff\xfe", "not_json"),
        ("[1]", "bad_frame"),
        ("{}", "bad_frame"),
        ('{"event":1}', "bad_frame"),
        ('{"event":"trade"}', "bad_frame"),
        ('{"event":"trade","channel":"live_trades_btcusd","data":[]}', "bad_frame"),
    ],
)
def test_what_is_no_frame_is_a_bad_frame(text: str | bytes, code: str) -> None:
    with pytest.raises(BadFrame) as caught:
        bitstamp.parse(text, NOW)
    assert caught.value.code == code


@given(st.text() | st.binary() | ANYTHING.map(json.dumps))
def test_no_input_crashes_the_parser(text: str | bytes) -> None:
    with suppress(BadFrame):
        assert all(isinstance(message, Message) for message in bitstamp.parse(text, NOW))
    if isinstance(text, str):
        assert not bitstamp.is_farewell(text)


@given(st.sampled_from([*sorted(TRADE), "channel"]), ANYTHING)
def test_no_field_crashes_the_parser(name: str, value: Any) -> None:
    with suppress(BadFrame):
        assert len(bitstamp.parse(frame(**{name: value}), NOW)) == 1


@pytest.mark.parametrize(
    "text", [frame(note="bts:request_reconnect"), '"bts:request_reconnect"', "bts:request_reconnect"]
)
def test_only_the_event_is_a_farewell(text: str) -> None:
    assert bitstamp.is_farewell(FAREWELL)
    assert not bitstamp.is_farewell(text)


def test_every_pair_is_subscribed_anew_after_a_cut_and_heartbeats_keep_it_open() -> None:
    with ExchangeServer(bitstamp=[frame(id=n) for n in range(1, 11)], cut_after=[4]) as server:
        config = settings(server)
        sink = MemorySink(config)
        limits = FAST.model_copy(update={"heartbeat": timedelta(milliseconds=20), "silence": timedelta(seconds=1.5)})
        with running(stream("bitstamp", config), sink, limits):
            until(lambda: len(sink.payloads) >= 10)
            beats = len(sink.heartbeats)
            until(lambda: len(sink.heartbeats) > beats + 3)
        assert server.connections["bitstamp"] == 2
    pairs = ("live_trades_btcusd", "live_trades_xrpeur")
    # The cut may come before the first connection's second request does.
    assert server.requests[-2:] == [{"event": "bts:subscribe", "data": {"channel": channel}} for channel in pairs]
    assert ids(sink) == list(range(1, 11))
    assert sink.dead_letters == []
    assert {(beat["source"], beat["topic"]) for beat in sink.heartbeats} == {("bitstamp", "trades")}


def test_a_farewell_is_followed_by_a_new_connection_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.connection._OVERLAP", 0.1)
    tape = [frame(id=n) for n in range(1, 200)]
    tape.insert(50, FAREWELL)
    with ExchangeServer(bitstamp=tape, pace=0.002, live=True) as server:
        config = settings(server)
        sink = MemorySink(config)
        with running(stream("bitstamp", config), sink):
            until(lambda: len(ids(sink)) >= 199)
        assert server.connections["bitstamp"] == 2
    assert ids(sink) == list(range(1, 200))


def test_who_says_farewell_may_hang_up_at_once() -> None:
    tape = [frame(id=1), FAREWELL, *[frame(id=n) for n in range(2, 6)]]
    with ExchangeServer(bitstamp=tape, cut_after=[2]) as server:
        config = settings(server)
        sink = MemorySink(config)
        with running(stream("bitstamp", config), sink):
            until(lambda: len(sink.payloads) >= 5)
        assert server.connections["bitstamp"] == 2
    assert ids(sink) == [1, 2, 3, 4, 5]
