from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from flink_jobs import variables as module
from flink_jobs.sql_files import JOBS
from flink_jobs.variables import INPUTS, Batch, plain_form, variables
from producers import contract
from producers.market import Market, MarketConfig
from tidemark.errors import UserError
from tidemark.paths import SCHEMAS
from tidemark.settings import Settings, load


def settings(tmp_path: Path, **groups: Any) -> Settings:
    return load(data_dir=tmp_path, **{"postgres": {"writer_password": "secret", "lake_password": "hidden"}, **groups})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(milliseconds=1), "INTERVAL '0.001' SECOND(2, 3)"),
        (timedelta(milliseconds=1500), "INTERVAL '1.500' SECOND(2, 3)"),
        (timedelta(seconds=1), "INTERVAL '1' SECOND"),
        (timedelta(seconds=90), "INTERVAL '90' SECOND"),
        (timedelta(seconds=100), "INTERVAL '100' SECOND(3)"),
        (timedelta(seconds=100, milliseconds=5), "INTERVAL '100.005' SECOND(3, 3)"),
        (timedelta(seconds=1501), "INTERVAL '0 00:25:01.000' DAY(3) TO SECOND(3)"),
        (timedelta(days=41, minutes=1, milliseconds=5), "INTERVAL '41 00:01:00.005' DAY(3) TO SECOND(3)"),
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
    assert found["INPUT_TOPICS"] == "'my.trades;tickers;articles;prices;market-sentiment;macro'"
    assert (found["CANDLE_SIZE"], found["CANDLE_NAME"]) == ("INTERVAL '5' MINUTE", "'5m'")
    assert found["NEWS_JOIN"] == "INTERVAL '90' SECOND"
    assert (found["SPIKE_PCT"], found["SPIKE_LOOKBACK"]) == ("2.0E0", "INTERVAL '30' SECOND")
    assert found["KAFKA_RETENTION_MS"] == "'86400000 ms'"
    assert found["EARLIEST_EVENT_TIME"] == "1230940800000"


def test_a_changed_bound_or_form_changes_the_sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    for path in SCHEMAS.glob("*.avsc"):
        text = path.read_text(encoding="utf-8").replace('"maximum": 1e18', '"maximum": 2e18')
        (schemas / path.name).write_text(text.replace("^[A-Z0-9_]{1,40}$", "^[A-Z]{3}$"), encoding="utf-8")
    before = variables(settings(tmp_path), "ingest")
    monkeypatch.setattr(contract, "SCHEMAS", schemas)
    contract._schema.cache_clear()
    try:
        after = variables(settings(tmp_path), "ingest")
    finally:
        monkeypatch.undo()
        contract._schema.cache_clear()
    changed = {name for name in before if before[name] != after[name]}
    # The digits that are plain do not go as far as the bound does.
    assert changed == {"PRICES_CIRCULATING_SUPPLY_MAXIMUM", "MACRO_INDICATOR_FORM", "MACRO_PLAIN_FORM"}


def test_only_what_reads_or_writes_the_lake_gets_its_password(tmp_path: Path) -> None:
    given = settings(tmp_path)
    assert [job for job in JOBS if "hidden" in str(variables(given, job))] == ["lake"]
    off = settings(tmp_path, lake={"enabled": False}, postgres={"writer_password": "secret"})
    assert variables(off, "lake")["LAKE"] == "'type' = 'generic_in_memory'"


def test_a_batch_run_reads_more_than_it_writes(tmp_path: Path) -> None:
    given = settings(tmp_path, windows={"batch_margin": "50h", "news_join_batch": "60h"})
    day = datetime(2026, 1, 2, tzinfo=timezone.utc)
    found = variables(given, "enrich", batch=Batch("kafka", day, day + timedelta(hours=1)))
    assert found["READ_FROM"] == f"TO_TIMESTAMP_LTZ({int(day.timestamp() - 60 * 3600) * 1000}, 3)"
    assert found["READ_TO"] == f"TO_TIMESTAMP_LTZ({int(day.timestamp() + 61 * 3600) * 1000}, 3)"
    assert found["READ_RANGE"] == f"rowtime >= {found['READ_FROM']} AND rowtime < {found['READ_TO']}"
    assert found["WRITE_FROM"] == "TIMESTAMP '2026-01-02 00:00:00.000000'"
    assert found["NEWS_JOIN"] == "INTERVAL '60' HOUR"
    assert variables(given, "enrich")["READ_RANGE"] == "TRUE"
    assert variables(given, "enrich", batch=Batch("kafka"))["READ_RANGE"] == "TRUE"


@pytest.mark.parametrize(
    ("windows", "least"),
    [
        ({}, timedelta(days=1, minutes=65)),  # a day's scores, and what the first prediction in it has learnt from
        ({"score_long": "3d"}, timedelta(days=3, minutes=65)),
        ({"prediction_memory": 600}, timedelta(days=1, minutes=605)),
        ({"ranking": "7d"}, timedelta(days=7)),
    ],
)
def test_a_batch_run_reads_no_less_than_its_windows_are_long(
    tmp_path: Path, windows: dict[str, Any], least: timedelta
) -> None:
    given = settings(tmp_path, windows={"batch_margin": "1m", "news_join_batch": "1m", **windows})
    day = datetime(2026, 1, 2, tzinfo=timezone.utc)
    found = variables(given, "analytics", batch=Batch("kafka", day, day))
    assert found["READ_FROM"] == f"TO_TIMESTAMP_LTZ({int((day - least).timestamp()) * 1000}, 3)"
    assert found["READ_TO"] == f"TO_TIMESTAMP_LTZ({int((day + least).timestamp()) * 1000}, 3)"


def test_only_the_join_waits_for_polled_news(tmp_path: Path) -> None:
    given_settings = settings(tmp_path)
    assert variables(given_settings, "enrich")["TRADES_WATERMARK"] == "INTERVAL '5' MINUTE"
    assert variables(given_settings, "alerts")["TRADES_WATERMARK"] == "INTERVAL '1' SECOND"


def test_jobs_share_neither_consumer_group_nor_transactions(tmp_path: Path) -> None:
    found = [variables(settings(tmp_path), job) for job in JOBS]
    for name in ("TRANSACTIONS_ALERTS", "TRANSACTIONS_DEAD_LETTERS", "KAFKA_JSON_SOURCE"):
        assert len({values[name] for values in found}) == len(JOBS)


def test_bounds_are_those_of_the_contract(tmp_path: Path) -> None:
    found = variables(settings(tmp_path), "ingest")
    assert float(found["TRADES_QUANTITY_MAXIMUM"]) == contract.bound("trades", "quantity", "maximum")
    assert found["TRADES_PAIR_FORM"] == r"'^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}\z'"
    assert float(found["PRICES_CHANGE_1H_MINIMUM"]) == contract.bound("prices", "change_1h", "minimum") < 0
    assert float(found["PRICES_PRICE_USD_EXCLUSIVEMINIMUM"]) == contract.bound(
        "prices", "price_usd", "exclusiveMinimum"
    )
    assert float(found["MARKET_SENTIMENT_VALUE_MAXIMUM"]) == contract.bound("market_sentiment", "value", "maximum")
    assert int(found["MACRO_EVENT_TIME_MINIMUM"]) == contract.bound("macro", "event_time", "minimum") < 0


def in_python(form: str) -> re.Pattern[str]:
    return re.compile(form.replace(r"\z", r"\Z"), re.ASCII)


@pytest.mark.parametrize("topic", [topic for topic in INPUTS if topic != "articles"])
@given(data=st.data())
@hypothesis_settings(max_examples=200, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_what_is_in_the_plain_form_keeps_the_contract(topic: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(in_python(plain_form(topic)), fullmatch=True))
    contract.check(topic, json.loads(text), max_future=timedelta(days=36_500))  # the SQL looks at that by itself


def test_what_our_producers_write_is_in_the_plain_form_nearly_always() -> None:
    config = MarketConfig(1_748_736_000_000, minutes=5)
    for topic in ("trades", "tickers"):
        form = in_python(plain_form(topic))
        texts = [contract.encode(m.value).decode() for m in Market(config).messages() if m.topic == topic]
        assert sum(form.search(text) is not None for text in texts) > 0.99 * len(texts)


PRICE: dict[str, Any] = {
    "crypto_id": "bitcoin",
    "symbol": "BTC",
    "name": "Bitcoin",
    "source": "coingecko",
    "price_usd": 97288.59,
    "market_cap": 1934567890123.4,
    "volume_24h": 35e9,
    "change_1h": -0.25,
    "change_24h": 3.5,
    "change_7d": None,
    "ath": 126080,
    "atl": 67.81,
    "circulating_supply": 589264883286605.0,
    "event_time": 1_763_700_000_000,
    "ingest_time": 1_763_700_000_100,
}
MOOD: dict[str, Any] = {
    "source": "alternative.me",
    "value": 25,
    "classification": "Extreme Fear",
    "event_time": 1_763_683_200_000,
}
OBSERVATION: dict[str, Any] = {
    "indicator": "CPIAUCSL",
    "value": 21.48,
    "date": "1947-01-01",
    "frequency": "monthly",
    "event_time": -725_846_400_000,
}


@pytest.mark.parametrize(
    ("topic", "sound", "fields", "plain"),
    [
        ("prices", PRICE, {}, True),
        ("prices", PRICE, {"name": "Cöin"}, False),
        ("prices", PRICE, {"name": 'a "b"'}, False),
        ("prices", PRICE, {"price_usd": 0}, False),
        ("prices", PRICE, {"price_usd": 1e10}, False),
        ("prices", PRICE, {"market_cap": -1}, False),
        ("prices", PRICE, {"market_cap": 1e15}, False),
        ("prices", PRICE, {"change_24h": -100.5}, False),
        ("market_sentiment", MOOD, {}, True),
        ("market_sentiment", MOOD, {"value": 101}, False),
        ("market_sentiment", MOOD, {"value": -1}, False),
        ("market_sentiment", MOOD, {"value": 25.0}, False),
        ("market_sentiment", MOOD, {"value": None}, False),
        ("macro", OBSERVATION, {}, True),
        ("macro", OBSERVATION, {"value": -0.5, "event_time": 0}, True),
        ("macro", OBSERVATION, {"event_time": -2_208_988_800_001}, False),
        ("macro", OBSERVATION, {"event_time": 4_000_000_000_000}, False),
        ("macro", OBSERVATION, {"date": "1947-1-1"}, False),
    ],
)
def test_the_plain_form_of_what_is_polled(
    topic: str, sound: dict[str, Any], fields: dict[str, Any], plain: bool
) -> None:
    text = contract.encode({**sound, **fields}).decode()
    assert (in_python(plain_form(topic)).search(text) is not None) == plain


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


def test_a_source_has_a_delay_of_its_own_and_in_enrich_at_least_that_of_the_join(tmp_path: Path) -> None:
    by_source = settings(tmp_path, watermarks={"by_source": {"kraken": "30s", "rss": "10m"}})
    case = "CASE source WHEN 'kraken' THEN INTERVAL {} WHEN 'rss' THEN INTERVAL '10' MINUTE ELSE INTERVAL {} END"
    found = {job: variables(by_source, job) for job in ("analytics", "enrich")}
    assert found["analytics"]["TRADES_WATERMARK"] == case.format("'30' SECOND", "'10' SECOND")
    assert found["analytics"]["ARTICLES_WATERMARK"] == case.format("'30' SECOND", "'2' MINUTE")
    assert found["enrich"]["TRADES_WATERMARK"] == case.format("'5' MINUTE", "'5' MINUTE")
    assert variables(settings(tmp_path), "analytics")["TRADES_WATERMARK"] == "INTERVAL '10' SECOND"


def test_economic_series_and_horizons_as_the_sql_says_them(tmp_path: Path) -> None:
    found = variables(
        settings(
            tmp_path,
            macro={"known_after": {"DFF": "1d", "CPI": "30d"}},
            impact={"horizons": ["5m", "30s"], "bar": "10s"},
        ),
        "enrich",
    )
    assert found["MACRO_INDICATORS"] == "'CPI', 'DFF'"
    assert found["MACRO_KNOWN_AFTER_MS"] == (
        "CASE `indicator` WHEN 'DFF' THEN CAST(86400000 AS BIGINT) WHEN 'CPI' THEN CAST(2592000000 AS BIGINT) END"
    )
    assert (found["IMPACT_HORIZONS"], found["IMPACT_REACH"]) == ("30, 300", "INTERVAL '5' MINUTE")
    short = variables(settings(tmp_path, impact={"horizons": ["30s"]}), "enrich")
    assert short["IMPACT_REACH"] == "INTERVAL '70' SECOND"  # as far as the last baseline


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"macro": {"known_after": {"CPI": "1d"}}}, "policy_rate DFF must be one of known_after"),
        ({"macro": {"known_after": {"DFF": "90s"}}}, "must be whole minutes"),
        ({"macro": {"known_after": {"dff'": "1d"}}}, "should match pattern"),
        ({"impact": {"bar": "7s"}}, "whole seconds that divide a minute"),
        ({"impact": {"horizons": ["15s"]}}, "multiples of impact.bar"),
        ({"watermarks": {"by_source": {"x'; DROP": "1s"}}}, "should match pattern"),
    ],
)
def test_what_the_sql_could_not_say_is_refused(tmp_path: Path, groups: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        settings(tmp_path, **groups)
