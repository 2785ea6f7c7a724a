from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import contract
from producers.contract import ContractError
from tests.unit.test_binance import ANYTHING
from tidemark.paths import SCHEMAS

NOW = 1_763_700_000_000
TRADE: dict[str, Any] = {
    "source": "binance",
    "symbol": "BTC",
    "pair": "BTC/USDT",
    "trade_id": "1",
    "price": 39432.48,
    "quantity": 0.000263,
    "side": "buy",
    "event_time": NOW,
    "ingest_time": NOW,
}
TICKER: dict[str, Any] = {
    "source": "kraken",
    "symbol": "BTC",
    "pair": "BTC/USD",
    "last": 1.0,
    "bid": None,
    "ask": 2,
    "volume_24h": 0.0,
    "change_pct": -100.0,
    "event_time": NOW,
    "ingest_time": NOW,
}
ARTICLE: dict[str, Any] = {
    "id": "0" * 64,
    "title": "Título",
    "url": "https://news.test/a",
    "website": "News",
    "summary": "",
    "cryptocurrencies_mentioned": ["BTC"],
    "sentiment": {"score": 0.5, "polarity": 0.0, "label": "neutral"},
    "source": "rss",
    "event_time": NOW,
    "ingest_time": NOW,
}
SOUND = {"trades": TRADE, "tickers": TICKER, "articles": ARTICLE}


@pytest.mark.parametrize("topic", SOUND)
def test_sound_messages_pass_here_and_in_avro(topic: str) -> None:
    contract.check(topic, SOUND[topic])
    schema = json.loads((SCHEMAS / f"{topic}.avsc").read_text())
    assert fastavro.validate(SOUND[topic], fastavro.parse_schema(schema), raise_errors=False)
    assert tuple(SOUND[topic]) == contract.fields(topic)


@pytest.mark.parametrize(
    ("topic", "change", "code"),
    [
        ("trades", {"price": 0}, "out_of_range"),
        ("trades", {"price": -1.0}, "out_of_range"),
        ("trades", {"price": 1e9 + 1}, "out_of_range"),
        ("trades", {"quantity": 0.0}, "out_of_range"),
        ("trades", {"quantity": 1.1e11}, "out_of_range"),
        ("trades", {"price": float("nan")}, "invalid_field"),
        ("trades", {"price": float("inf")}, "invalid_field"),
        ("trades", {"price": "1"}, "invalid_field"),
        ("trades", {"price": True}, "invalid_field"),
        ("trades", {"price": None}, "invalid_field"),
        ("trades", {"side": "BUY"}, "invalid_field"),
        ("trades", {"side": "buy\n"}, "invalid_field"),
        ("trades", {"pair": "BTCUSDT"}, "invalid_field"),
        ("trades", {"trade_id": 1}, "invalid_field"),
        ("trades", {"trade_id": ""}, "invalid_field"),
        ("trades", {"event_time": 1_230_940_799_999}, "time_out_of_range"),
        ("trades", {"event_time": float(NOW)}, "invalid_field"),
        ("trades", {"event_time": 2**63}, "time_out_of_range"),
        ("trades", {"ingest_time": 0}, "time_out_of_range"),
        ("trades", {"more": 1}, "invalid_field"),
        ("tickers", {"last": None}, "invalid_field"),
        ("tickers", {"bid": 0.0}, "out_of_range"),
        ("tickers", {"volume_24h": -1}, "out_of_range"),
        ("tickers", {"change_pct": -100.1}, "out_of_range"),
        ("articles", {"id": "A" * 64}, "invalid_field"),
        ("articles", {"url": "ftp://x"}, "invalid_field"),
        ("articles", {"title": "a\0b"}, "invalid_field"),
        ("articles", {"title": "\ud800"}, "invalid_field"),
        ("articles", {"cryptocurrencies_mentioned": "BTC"}, "invalid_field"),
        ("articles", {"cryptocurrencies_mentioned": [1]}, "invalid_field"),
        ("articles", {"sentiment": {**ARTICLE["sentiment"], "score": 1.01}}, "out_of_range"),
        ("articles", {"sentiment": {**ARTICLE["sentiment"], "label": "good"}}, "invalid_field"),
        ("articles", {"sentiment": {"score": 0.5, "polarity": 0.0}}, "invalid_field"),
        ("articles", {"sentiment": None}, "invalid_field"),
    ],
)
def test_what_breaks_the_contract_is_named(topic: str, change: dict[str, Any], code: str) -> None:
    with pytest.raises(ContractError) as caught:
        contract.check(topic, {**SOUND[topic], **change})
    assert caught.value.code == code
    assert next(iter(change)) in caught.value.detail


@pytest.mark.parametrize("change", [{"price": 5e-324}, {"price": 1_000_000_000}, {"event_time": 1_230_940_800_000}])
def test_bounds_are_inclusive_where_the_schema_says_so(change: dict[str, Any]) -> None:
    contract.check("trades", {**TRADE, **change})


@pytest.mark.parametrize("topic", SOUND)
def test_every_field_is_required(topic: str) -> None:
    for name in SOUND[topic]:
        with pytest.raises(ContractError, match=f"{name}: missing"):
            contract.check(topic, {key: value for key, value in SOUND[topic].items() if key != name})


def test_the_future_is_bounded() -> None:
    ahead: Callable[[int], dict[str, Any]] = lambda seconds: {  # noqa: E731
        **TRADE,
        "event_time": round((time.time() + seconds) * 1000),
        "ingest_time": round((time.time() + seconds) * 1000),
    }
    contract.check("trades", ahead(3000))
    with pytest.raises(ContractError, match="in the future") as caught:
        contract.check("trades", ahead(3700))
    assert caught.value.code == "time_out_of_range"
    with pytest.raises(ContractError):
        contract.check("trades", ahead(60), timedelta(seconds=30))


@given(st.sampled_from(sorted(SOUND)), st.data())
def test_what_passes_is_valid_avro_and_survives_the_wire(topic: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(contract.fields(topic)))
    value = {**SOUND[topic], name: data.draw(ANYTHING)}
    try:
        contract.check(topic, value)
    except ContractError:
        return
    schema = fastavro.parse_schema(json.loads((SCHEMAS / f"{topic}.avsc").read_text()))
    assert fastavro.validate(value, schema, raise_errors=False)
    assert json.loads(contract.encode(value)) == value


def test_bounds_can_be_read() -> None:
    assert contract.bound("trades", "price", "maximum") == 1e9
    assert contract.bound("trades", "price", "exclusiveMinimum") == 0
    assert contract.bound("articles", "sentiment.score", "maximum") == 1
    with pytest.raises(KeyError):
        contract.bound("trades", "price", "minimum")


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.avsc")), ids=lambda path: path.stem)
def test_every_schema_is_avro_and_compiles(path: Any) -> None:
    fastavro.parse_schema(json.loads(path.read_text()))
    with pytest.raises(ContractError, match="missing"):
        contract.check(path.stem, {})


def test_encoding_is_compact_utf8_in_order() -> None:
    assert contract.encode({"b": "é", "a": 1.5, "c": None}) == '{"b":"é","a":1.5,"c":null}'.encode()
