from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from flink_jobs import variables as module
from flink_jobs.sql_files import JOBS
from flink_jobs.variables import plain_form, variables
from producers import contract
from producers.market import Market, MarketConfig
from tidemark.settings import Settings, load


def settings(tmp_path: Path, **groups: Any) -> Settings:
    return load(data_dir=tmp_path, **{"postgres": {"writer_password": "secret"}, **groups})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(milliseconds=1), "INTERVAL '0.001' SECOND(2, 3)"),
        (timedelta(milliseconds=1500), "INTERVAL '1.500' SECOND(2, 3)"),
        (timedelta(seconds=1), "INTERVAL '1' SECOND"),
        (timedelta(seconds=90), "INTERVAL '90' SECOND"),
        (timedelta(seconds=100), "INTERVAL '100' SECOND(3)"),
        (timedelta(seconds=100, milliseconds=5), "INTERVAL '100.005' SECOND(3, 3)"),
        (timedelta(minutes=5), "INTERVAL '5' MINUTE"),
        (timedelta(minutes=181), "INTERVAL '181' MINUTE(3)"),
        (timedelta(hours=24), "INTERVAL '1' DAY"),
        (timedelta(hours=25), "INTERVAL '25' HOUR"),
        (timedelta(days=400), "INTERVAL '400' DAY(3)"),
    ],
)
def test_intervals(value: timedelta, text: str) -> None:
    assert module._interval(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.5E0"), (2, "2.0E0"), (1e9, "1000000000.0E0"), (1e-7, "1e-07")])
def test_numbers_are_doubles_in_sql(value: float, text: str) -> None:
    assert module._number(value) == text
    assert float(text) == value


def test_texts_of_settings_are_quoted(tmp_path: Path) -> None:
    found = variables(
        settings(
            tmp_path, postgres={"writer_password": "it's'; DROP", "database": "o'tide"}, kafka={"bootstrap": "h'1:1"}
        ),
        "ingest",
    )
    assert "'password' = 'it''s''; DROP'" in found["POSTGRES"]
    assert "/o''tide?" in found["POSTGRES"]
    assert "'properties.bootstrap.servers' = 'h''1:1'" in found["KAFKA_JSON_SOURCE"]
    for text in found.values():  # each quote is closed, and nothing comes after it but what belongs there
        assert re.fullmatch(r"(?:[^']|'(?:[^']|'')*')*", text)


def test_settings_become_what_the_sql_says(tmp_path: Path) -> None:
    found = variables(
        settings(
            tmp_path,
            topics={"trades": "my.trades"},
            windows={"candle": "5m", "news_join": "90s"},
            alerts={"spike_pct": 2, "spike_lookback": "30s"},
            kafka={"retention": "1d"},
        ),
        "ingest",
    )
    assert found["TOPIC_TRADES"] == "'my.trades'"
    assert found["INPUT_TOPICS"] == "'my.trades;tickers;articles'"
    assert (found["CANDLE_SIZE"], found["CANDLE_NAME"]) == ("INTERVAL '5' MINUTE", "'5m'")
    assert found["NEWS_JOIN"] == "INTERVAL '90' SECOND"
    assert (found["SPIKE_PCT"], found["SPIKE_LOOKBACK"]) == ("2.0E0", "INTERVAL '30' SECOND")
    assert found["KAFKA_RETENTION_MS"] == "'86400000 ms'"
    assert found["EARLIEST_EVENT_TIME"] == "1230940800000"


def test_only_the_join_waits_for_polled_news(tmp_path: Path) -> None:
    given_settings = settings(tmp_path)
    assert variables(given_settings, "enrich")["TRADES_WATERMARK"] == "INTERVAL '5' MINUTE"
    assert variables(given_settings, "alerts")["TRADES_WATERMARK"] == "INTERVAL '10' SECOND"


def test_jobs_share_neither_consumer_group_nor_transactions(tmp_path: Path) -> None:
    found = [variables(settings(tmp_path), job) for job in JOBS]
    for name in ("TRANSACTIONS_ALERTS", "TRANSACTIONS_DEAD_LETTERS", "KAFKA_JSON_SOURCE"):
        assert len({values[name] for values in found}) == len(JOBS)


def test_bounds_are_those_of_the_contract(tmp_path: Path) -> None:
    found = variables(settings(tmp_path), "ingest")
    assert float(found["TRADES_QUANTITY_MAXIMUM"]) == contract.bound("trades", "quantity", "maximum")
    assert found["TRADES_PAIR_FORM"] == r"'^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}\z'"


def in_python(form: str) -> re.Pattern[str]:
    return re.compile(form.replace(r"\z", r"\Z"), re.ASCII)


@pytest.mark.parametrize("topic", ["trades", "tickers"])
@given(data=st.data())
@hypothesis_settings(max_examples=400, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_what_is_in_the_plain_form_keeps_the_contract(topic: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(in_python(plain_form(topic)), fullmatch=True))
    contract.check(topic, json.loads(text), max_future=timedelta(days=36_500))  # the SQL looks at that by itself


def test_what_our_producers_write_is_in_the_plain_form_nearly_always() -> None:
    config = MarketConfig(1_748_736_000_000, minutes=5)
    for topic in ("trades", "tickers"):
        form = in_python(plain_form(topic))
        texts = [contract.encode(m.value).decode() for m in Market(config).messages() if m.topic == topic]
        assert sum(form.search(text) is not None for text in texts) > 0.99 * len(texts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price", "0"),
        ("price", "0.00"),
        ("price", "01"),
        ("price", "-1"),
        ("price", "1e3"),
        ("price", "1."),
        ("price", ".5"),
        ("price", "1234567890"),
        ("price", '"1"'),
        ("price", "null"),
        ("quantity", " 1"),
        ("event_time", "1760000000000.0"),
        ("event_time", "1230940799999"),
        ("event_time", "17600000000000"),
        ("side", '"BUY"'),
        ("pair", '"BTC/\\u0055SD"'),
        ("symbol", '"bTC"'),
        ("trade_id", '""'),
    ],
)
def test_what_may_be_wrong_is_not_in_the_plain_form(name: str, value: str) -> None:
    fields = {
        "source": '"binance"',
        "symbol": '"BTC"',
        "pair": '"BTC/USD"',
        "trade_id": '"1"',
        "price": "0.10",
        "quantity": "1",
        "side": '"buy"',
        "event_time": "1760000000000",
        "ingest_time": "1760000000001",
    }
    form = in_python(plain_form("trades"))

    def text() -> str:
        return "{" + ",".join(f'"{key}":{found}' for key, found in fields.items()) + "}"

    assert form.search(text())
    assert not form.search(text() + "\n")
    assert not form.search(text() + text())
    fields[name] = value
    assert not form.search(text())
