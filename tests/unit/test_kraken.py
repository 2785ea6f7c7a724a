from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import contract
from producers.message import BadFrame, Message
from producers.sources.kraken import KrakenParser, subscriptions
from tests.captures import captures
from tests.unit.test_binance import ANYTHING

NOW = 1_763_700_000_000
V2_TRADE: dict[str, Any] = {
    "symbol": "BTC/USD",
    "side": "buy",
    "price": 105944.2,
    "qty": 0.00027625,
    "ord_type": "limit",
    "trade_id": 10218208,
    "timestamp": "2023-10-06T17:35:55.440295Z",
}
V2_TICKER: dict[str, Any] = {
    "symbol": "BTC/USD",
    "bid": 105944.2,
    "ask": 105944.3,
    "last": 105899.4,
    "volume": 163.28908096,
    "timestamp": "2022-12-25T09:30:59.123456Z",
}
V1_TICKER: dict[str, Any] = {"c": ["100.0", "1"], "b": ["99.0", 1, "1"], "a": ["101.0", 1, "1"], "v": ["5", "7.5"]}


def v2(channel: str, *items: Any, kind: str = "update") -> str:
    return json.dumps({"channel": channel, "type": kind, "data": list(items)})


def test_the_v1_capture_gives_every_trade_and_ticker_of_it() -> None:
    lines = (captures() / "frames" / "kraken_v1.jsonl").read_text().splitlines()
    lists = [content for content in map(json.loads, lines) if isinstance(content, list)]
    trades = [(content[-1], *trade) for content in lists if content[-2] == "trade" for trade in content[1]]
    tickers = [(content[-1], content[1]) for content in lists if content[-2] == "ticker"]
    parse = KrakenParser()
    messages = [message for line in lines for message in parse(line, NOW)]
    for message in messages:
        contract.check(message.topic, message.value)
    assert Counter(m.topic for m in messages) == {"trades": len(trades), "tickers": len(tickers)}
    assert (len(trades), len(tickers)) == (10, 18)
    got = [m.value for m in messages if m.topic == "trades"]
    for value, (pair, price, volume, time, side, *_) in zip(got, trades, strict=True):
        assert value["pair"] == pair.replace("XBT", "BTC")
        assert (value["price"], value["quantity"]) == (float(price), float(volume))
        assert value["event_time"] == int(time.replace(".", "")[:13])
        assert value["side"] == {"b": "buy", "s": "sell"}[side]
    assert len({value["trade_id"] for value in got}) == len(got)
    seen = [(m.value["pair"], m.value["event_time"]) for m in messages if m.topic == "tickers"]
    assert len(set(seen)) == len(seen)


def test_the_v2_samples() -> None:
    parse = KrakenParser()
    lines = (captures() / "frames" / "kraken_v2.jsonl").read_text().splitlines()
    messages = [message for line in lines for message in parse(line, NOW)]
    assert [m.topic for m in messages] == ["tickers", "trades", "trades"]
    at = datetime.fromisoformat("2022-12-25T09:30:59.123+00:00")
    assert messages[0].value["event_time"] == round(at.timestamp() * 1000)
    assert [m.value["trade_id"] for m in messages[1:]] == ["10218208", "10218209"]


def test_v1_ids_come_from_the_content_alone() -> None:
    frame = json.dumps([1, [["1.5", "2", "1618678142.557535", "b", "l", ""]] * 2, "trade", "XBT/USD"])
    first, second = KrakenParser()(frame, NOW)
    assert first.value["trade_id"] != second.value["trade_id"]  # two equal trades are two
    assert [m.value["trade_id"] for m in KrakenParser()(frame, NOW + 5)] == [
        first.value["trade_id"],
        second.value["trade_id"],
    ]
    assert first.value["event_time"] == 1618678142557
    assert first.key == "BTC/USD"


def test_change_is_against_the_previous_ticker_of_the_pair() -> None:
    parse = KrakenParser()
    last = [200.0, 201.0, 100.5]
    pairs = ["BTC/USD", "ETH/USD"]
    changes = [
        parse(v2("ticker", {**V2_TICKER, "symbol": pair, "last": price}), NOW)[0].value["change_pct"]
        for price in last
        for pair in pairs
    ]
    assert changes == [None, None, 0.5, 0.5, -50.0, -50.0]


def test_a_ticker_without_a_price_does_not_spoil_the_next_change() -> None:
    parse = KrakenParser()
    parse(v2("ticker", V2_TICKER), NOW)
    parse(v2("ticker", {**V2_TICKER, "last": 0}), NOW)
    assert parse(v2("ticker", V2_TICKER), NOW)[0].value["change_pct"] == 0


def test_tickers_without_a_time_get_their_arrival_each_a_later_one() -> None:
    parse = KrakenParser()
    frame = json.dumps([1, V1_TICKER, "ticker", "XBT/USD"])
    values = [parse(frame, NOW)[0].value for _ in range(3)]
    assert [value["event_time"] for value in values] == [NOW, NOW + 1, NOW + 2]
    assert values[0]["volume_24h"] == 7.5
    untimed = {name: value for name, value in V2_TICKER.items() if name != "timestamp"}
    assert KrakenParser()(v2("ticker", untimed), NOW)[0].value["event_time"] == NOW


def test_dogecoin_is_xdg() -> None:
    frame = json.dumps([1, [["0.05", "2", "1618678142.5", "s", "l", ""]], "trade", "XDG/XBT"])
    (message,) = KrakenParser()(frame, NOW)
    assert (message.value["symbol"], message.value["pair"], message.value["side"]) == ("DOGE", "DOGE/BTC", "sell")


def test_one_bad_item_does_not_take_its_neighbours_along() -> None:
    with pytest.raises(BadFrame, match="1 of 3 items") as caught:
        KrakenParser()(v2("trade", V2_TRADE, {**V2_TRADE, "price": None}, {**V2_TRADE, "trade_id": 9}), NOW)
    assert [m.value["trade_id"] for m in caught.value.good] == ["10218208", "9"]
    assert caught.value.topic == "trades"


@pytest.mark.parametrize(
    "noise",
    [
        {"event": "heartbeat"},
        {"channel": "heartbeat"},
        {"event": "subscriptionStatus", "status": "subscribed", "pair": "XBT/USD"},
        {"event": "subscriptionStatus", "status": "error", "errorMessage": "Currency pair not supported"},
        {"method": "subscribe", "success": False, "error": "Currency pair not supported ABC/DEF"},
        {"method": "pong", "req_id": 1},
        {"channel": "status", "type": "update", "data": [{"system": "online"}]},
        [0, {"a": []}, {"b": []}, "book-10", "XBT/USD"],
        [0, ["1", "2"], "spread", "XBT/USD"],
    ],
)
def test_noise_is_nothing(noise: Any) -> None:
    assert KrakenParser()(json.dumps(noise), NOW) == []


@pytest.mark.parametrize(
    ("frame", "topic", "said"),
    [
        (v2("trade", {**V2_TRADE, "side": "b?"}), "trades", "side"),
        (v2("trade", {**V2_TRADE, "timestamp": 5}), "trades", "not a text"),
        (v2("trade", {**V2_TRADE, "timestamp": "2023-13-06T17:35:55Z"}), "trades", "month"),
        (v2("ticker", {}), "tickers", "symbol is missing"),
        (v2("ticker", 5), "tickers", "items"),
        ('{"channel":"ticker"}', "tickers", "list of items"),
        ('[1, {"c": []}, "ticker", "XBT/USD"]', "tickers", "items"),
        ('[1, [["1"]], "trade", "XBT/USD"]', "trades", "items"),
        ('[1, [], [], "trade", "XBT/USD"]', "trades", "one payload"),
        ("[1]", "trades", "expected"),
        ("{}", "trades", "unknown object"),
        ("7", "trades", "expected"),
    ],
)
def test_malformed_frames(frame: str, topic: str, said: str) -> None:
    with pytest.raises(BadFrame, match=said) as caught:
        KrakenParser()(frame, NOW)
    assert (caught.value.code, caught.value.topic) == ("bad_frame", topic)


def survives(frame: str | bytes) -> None:
    with suppress(BadFrame):
        assert all(isinstance(message, Message) for message in KrakenParser()(frame, NOW))


@given(st.text() | st.binary())
def test_no_input_crashes_the_parser(frame: str | bytes) -> None:
    survives(frame)


@given(ANYTHING, st.sampled_from(["trade", "ticker", "book"]), ANYTHING)
def test_no_json_crashes_the_parser(data: Any, channel: str, pair: Any) -> None:
    survives(json.dumps(data))
    survives(json.dumps({"channel": channel, "data": data}))
    survives(v2(channel, data))
    survives(json.dumps([1, data, channel, pair]))
    survives(json.dumps([1, [data], channel, "XBT/USD"]))


@given(st.sampled_from(sorted(V2_TRADE)), ANYTHING)
def test_no_field_crashes_the_parser(name: str, value: Any) -> None:
    survives(v2("trade", {**V2_TRADE, name: value}))
    survives(v2("ticker", {**V2_TICKER, name: value}))


def test_subscriptions_name_both_channels() -> None:
    requests = [json.loads(text)["params"] for text in subscriptions(["BTC/USD"])]
    assert {(r["channel"], *r["symbol"]) for r in requests} == {("trade", "BTC/USD"), ("ticker", "BTC/USD")}
