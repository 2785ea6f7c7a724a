from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from producers import cli, coins, contract, runloop, sources
from producers.backfill import backfill
from producers.health import Health
from producers.message import BadFrame, Message
from producers.record import record
from producers.replay import replay
from producers.sink import MemorySink
from producers.source import Parser, PollSource
from producers.sources import coingecko, coinmarketcap, fear_greed, newsapi
from stack.cli import app
from tests.captures import captures
from tests.exchange import apis
from tests.exchange.apis import Apis
from tests.exchange.server import ExchangeServer, rss
from tidemark.errors import UserError
from tidemark.settings import Settings, load

NOW = 1_763_700_000_000
DAY = round(apis.DAY.timestamp() * 1000)
POLLED = ("coingecko", "coinmarketcap", "newsapi", "fred", "fear_greed")


def millis(*day: int) -> int:
    return round(datetime(*day, tzinfo=timezone.utc).timestamp() * 1000)  # type: ignore[misc,arg-type]


class Instant(Event):
    """Notes the pauses instead of making them."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0)
        return self.is_set()


def config(server: ExchangeServer, key: str = apis.KEY, **more: Mapping[str, Any]) -> Settings:
    """Return settings that lead to ``server``; ``more`` adds to those of a source."""
    groups = apis.settings_of(server.http_url, key)
    return load(**{name: {**group, **more.get(name, {})} for name, group in groups.items()})


def polls(name: str, settings: Settings) -> list[PollSource]:
    return [source for source in sources.make(name, settings) if isinstance(source, PollSource)]


def polled(name: str, settings: Settings, sink: MemorySink, stop: Event | None = None) -> list[bool]:
    """Poll every part of a source once, as `tidemark produce NAME --once` does; return which succeeded."""
    seen = runloop.Seen()
    return [
        runloop.run_poll(
            part, sink, stop or Instant(), settings.producers, Health(part.name, settings, keep=False), seen, once=True
        )
        for part in polls(name, settings)
    ]


def read(parse: Parser, content: Any) -> list[Message | BadFrame]:
    return runloop.parsed(parse, json.dumps(content).encode(), NOW)


def values(results: list[Message | BadFrame]) -> list[dict[str, Any]]:
    return [result.value for result in results if isinstance(result, Message)]


def details(results: list[Message | BadFrame]) -> list[str]:
    return [result.detail for result in results if isinstance(result, BadFrame)]


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    series = {
        "DFF": {"2008-12-31": "0.14", "2025-03-01": "4.33", "2025-03-02": "", "2025-03-03": "4.34"},
        "UNRATE": {"1948-01-01": "3.4", "2025-02-01": "4.1"},
    }
    busy = {"/v2/everything": 2, "/api/v3/coins/bitcoin/market_chart": 1}
    with ExchangeServer(apis=Apis(articles=120, series=series, busy=busy)) as running:
        yield running


# What every source must do.


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("coingecko", {"prices": 2}),
        ("coinmarketcap", {"prices": 20}),
        ("newsapi", {"articles": 100}),
        ("fred", {"macro": 4}),
        ("fear_greed", {"market_sentiment": 10}),
    ],
)
def test_what_the_server_has_arrives_and_keeps_its_contract(
    server: ExchangeServer, name: str, sent: dict[str, int]
) -> None:
    settings = config(server, fred={"series": {"DFF": "daily", "UNRATE": "monthly"}})
    sink = MemorySink(settings)
    assert all(polled(name, settings, sink))
    assert sink.counts.sent == sent
    assert sink.counts.dead == {}
    for message in sink.messages:
        assert list(message.value) == list(contract.fields(message.topic))
    assert {beat["source"] for beat in sink.heartbeats} == {name}


@pytest.mark.parametrize("name", ["coingecko", "coinmarketcap", "newsapi", "fred"])
def test_a_wrong_key_is_said_and_never_shown(
    server: ExchangeServer, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = config(server, key="wr0ng-key", fred={"api_key": "wr0ng-key", "series": {"DFF": "daily"}})
    sink = MemorySink(settings)
    assert polled(name, settings, sink) == [False]
    said = capfd.readouterr()
    assert "is the key right?" in said.out + said.err
    assert "wr0ng-key" not in said.out + said.err
    assert sink.payloads == []


def test_a_key_in_an_address_is_not_shown_where_nobody_answers() -> None:
    (source,) = polls(
        "fred", load(fred={"api_url": "http://127.0.0.1:1/", "api_key": "s3cret", "series": {"DFF": "d"}})
    )
    with pytest.raises(Exception, match="ConnectionError") as caught:
        source.request.get()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["coinmarketcap", "newsapi"])
@pytest.mark.parametrize("key", [None, ""])
def test_a_missing_key_is_named(name: str, key: str | None) -> None:
    with pytest.raises(UserError, match="needs an API key") as caught:
        sources.make(name, load(**{name: {"api_key": key}}))
    assert f"TIDEMARK_{name.upper()}__API_KEY" in str(caught.value.hint)


def test_all_goes_on_without_what_needs_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    found = cli._sources(["all"], load(), None, once=True)
    assert {source.name.partition(":")[0] for source in found} == {"coingecko", "rss", "fred", "fear_greed"}
    assert "Without newsapi" in capsys.readouterr().err


def test_busy_servers_are_asked_again_when_they_say(server: ExchangeServer) -> None:
    settings = config(server)
    stop = Instant()
    sink = MemorySink(settings)
    assert polled("newsapi", settings, sink, stop) == [True]
    assert stop.pauses == [0, 0]
    assert [status for _, status in server.hits] == [429, 429, 200]


@pytest.mark.parametrize("name", POLLED)
def test_a_recording_replays_to_the_same_messages(server: ExchangeServer, name: str, tmp_path: Path) -> None:
    settings = config(server, fred={"series": {"DFF": "daily"}}, newsapi={"query": "b"})
    live, replayed = MemorySink(settings), MemorySink(settings)
    file = tmp_path / "answers.jsonl"

    class Once(Instant):
        """Ends with the wait before the second poll."""

        def wait(self, timeout: float | None = None) -> bool:
            super().wait(timeout)
            if timeout and timeout > 10:
                self.set()
            return self.is_set()

    (source,) = polls(name, settings)
    assert record(source, file, Once(), settings) == 1
    (line,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert line["source"] == source.name
    runloop.deliver(runloop.parsed(source.parse, line["frame"], line["received"]), live)
    assert replay(file, replayed, Event(), settings).frames == 1
    assert replayed.payloads == live.payloads
    assert len(live.messages) > 0


def test_raw_answers_replay_by_the_name_of_their_source(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    days = [[("2025-03-01", "4.33")], [("2025-03-02", "."), ("2025-03-03", "4.34")]]
    file.write_text("".join(json.dumps(apis.observations(rows)) + "\n" for rows in days))
    sink = MemorySink(load())
    assert replay(file, sink, Event(), load(), source="fred:DFF").frames == 2
    assert [message.value["date"] for message in sink.messages] == ["2025-03-01", "2025-03-03"]


# CoinGecko


def test_a_price_of_coingecko_in_full() -> None:
    (value,) = values(read(coingecko.parser("", load()), [apis.market("bitcoin", ["1h", "24h", "7d"])]))
    assert value == {
        "crypto_id": "bitcoin",
        "symbol": "BTC",
        "name": "Bitcoin",
        "source": "coingecko",
        "price_usd": 87123.0,
        "market_cap": 1727641935242.0,
        "volume_24h": 66171046041.0,
        "change_1h": -3.3,
        "change_24h": -3.3,
        "change_7d": -3.3,
        "ath": 108786.0,
        "atl": 67.81,
        "circulating_supply": 19831212.0,
        "event_time": millis(2025, 3, 4, 12, 34, 56) + 789,
        "ingest_time": NOW,
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"current_price": None}, "not a number"),
        ({"last_updated": "yesterday"}, "not a time"),
        ({"id": "bitcoin-2"}, "not a coin that was asked for"),
        ({"id": ["bitcoin"]}, "not a text"),
        ({"ath": "high"}, "not a number"),
    ],
)
def test_a_bad_coin_is_kept_as_bad_and_the_others_pass(changes: dict[str, Any], said: str) -> None:
    bad = {**apis.market("bitcoin", []), **changes}
    results = read(coingecko.parser("", load()), [bad, apis.market("ethereum", [])])
    assert [value["symbol"] for value in values(results)] == ["ETH"]
    (fault,) = [result for result in results if isinstance(result, BadFrame)]
    assert said in fault.detail
    assert fault.topic == "prices"
    assert json.loads(fault.original or "") == bad


def test_coins_that_the_answer_leaves_out_are_logged_once(capfd: pytest.CaptureFixture[str]) -> None:
    parse = coingecko.parser("", load(coingecko={"coins": ["BTC", "ETH"]}))
    for _ in range(3):
        read(parse, [apis.market("bitcoin", [])])
    said = capfd.readouterr()
    assert (said.out + said.err).count("coins_missing") == 1


def test_every_coin_has_an_id_of_its_own() -> None:
    assert coins.COINGECKO_IDS.keys() == coins.COINS.keys()
    assert len(set(coins.COINGECKO_IDS.values())) == len(coins.COINGECKO_IDS)


def test_unknown_coins_and_too_long_a_history_are_the_users_to_correct() -> None:
    with pytest.raises(UserError, match="'NOCOIN' is not known"):
        sources.make("coingecko", load(coingecko={"coins": ["btc", "NOCOIN"]}))
    with pytest.raises(UserError, match="too long"):
        coingecko.history_sources(load(coingecko={"history": "91d"}))


def test_a_backfill_sends_the_hourly_history_of_every_coin(server: ExchangeServer) -> None:
    settings = config(server)
    sink, stop, done = MemorySink(settings), Instant(), []
    parts = coingecko.history_sources(settings)
    assert [part.name for part in parts] == ["coingecko:BTC", "coingecko:ETH"]
    assert backfill(parts, sink, stop, settings, lambda: done.append(1)) == []
    assert sink.counts.sent == {"prices": 2 * 7 * 24}
    assert sink.backfilled == 2 * 7 * 24
    assert stop.pauses == [0]  # as the server asked
    assert len(done) == 2
    first = sink.messages[0].value
    assert (first["event_time"], first["price_usd"], first["market_cap"], first["volume_24h"]) == (
        DAY, 87000.0, 1.7e12, 6.6e10,
    )  # fmt: skip
    assert {message.value["event_time"] % 3_600_000 for message in sink.messages} == {0}


def test_a_backfill_goes_on_after_a_coin_that_fails(server: ExchangeServer) -> None:
    settings = config(server, coingecko={"coins": ["SOL", "BTC"]})
    sink = MemorySink(settings)
    assert backfill(coingecko.history_sources(settings), sink, Instant(), settings) == ["coingecko:SOL"]
    assert {message.key for message in sink.messages} == {"BTC"}


def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[Result, MemorySink]:
    """Run a command with a sink in memory, leaving the logs and signals of the tests alone."""
    sink = MemorySink(settings)
    monkeypatch.setattr(cli, "settings", lambda: settings)
    monkeypatch.setattr(cli, "_kafka", lambda _: sink)
    monkeypatch.setattr("tidemark.logs.configure", lambda _: None)
    monkeypatch.setattr(runloop, "stop_on_signals", Instant)
    return CliRunner().invoke(app, words), sink


def test_the_command_says_what_it_sent(server: ExchangeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    result, sink = command(config(server, coingecko={"coins": ["ETH"]}), monkeypatch, "backfill", "coingecko")
    assert result.exit_code == 0, result.output
    assert "168 prices; 0 dead letters" in result.output
    assert sink.backfilled == 168


@pytest.mark.parametrize(
    ("chart", "good", "bad"),
    [
        ({"prices": [[DAY, 1], [DAY, None], [1], "x"], "market_caps": [], "total_volumes": []}, 1, 3),
        ({"prices": [[DAY, 1]], "market_caps": [[DAY, None]], "total_volumes": []}, 1, 0),
        ({"prices": [[DAY, 1]], "market_caps": [[DAY]], "total_volumes": []}, 0, 1),
        ({"prices": [[DAY, 1]]}, 0, 1),
        ([], 0, 1),
    ],
)
def test_charts(chart: Any, good: int, bad: int) -> None:
    results = read(coingecko.parser("BTC", load()), chart)
    assert (len(values(results)), len(details(results))) == (good, bad)


# CoinMarketCap


def test_a_price_of_coinmarketcap_in_full() -> None:
    (value,) = values(read(coinmarketcap.parse, apis.listings(1)))
    assert value == {
        "crypto_id": "1",
        "symbol": "C1",
        "name": "Coin 1",
        "source": "coinmarketcap",
        "price_usd": 87123.25,
        "market_cap": 1727641935242.3,
        "volume_24h": 66171046041.5,
        "change_1h": 0.15,
        "change_24h": -3.3,
        "change_7d": None,
        "ath": None,
        "atl": None,
        "circulating_supply": 19831212.0,
        "event_time": millis(2025, 3, 4, 12, 34),
        "ingest_time": NOW,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda answer: answer["data"][0]["quote"].clear(), "USD is missing"),
        (lambda answer: answer["data"][0].update(symbol="$$$"), "not an asset code"),
        (lambda answer: answer["data"][0].update(id="1"), "not an integer"),
        (lambda answer: answer["data"].insert(0, None), "coin: "),
    ],
)
def test_a_bad_listing_is_kept_as_bad(change: Callable[[Any], Any], said: str) -> None:
    answer = apis.listings(3)
    change(answer)
    given = len(answer["data"])
    results = read(coinmarketcap.parse, answer)
    (fault,) = details(results)
    assert said in fault
    assert len(values(results)) == given - 1


def test_a_refusal_of_coinmarketcap_is_said() -> None:
    refusal = {"status": {"error_code": 1008, "error_message": "You've exceeded your limit."}}
    assert details(read(coinmarketcap.parse, refusal)) == ['refused: "You\'ve exceeded your limit."']


# NewsAPI


def test_an_article_of_newsapi_in_full() -> None:
    (value,) = values(read(newsapi.parser("", load()), {"status": "ok", "articles": [apis.article(1)]}))
    assert value["url"] == "https://paper.test/1"
    assert (value["title"], value["summary"]) == (
        "Bitcoin soars again, says report 1", "A great day for Ethereum & others",
    )  # fmt: skip
    assert (value["website"], value["source"]) == ("Paper 1", "newsapi")
    assert value["cryptocurrencies_mentioned"] == ["BTC", "ETH"]
    assert value["sentiment"]["label"] == "positive"
    assert (value["event_time"], value["ingest_time"]) == (DAY - 3_600_000, NOW)


def test_an_article_that_a_feed_had_too_is_one() -> None:
    item = ("Bitcoin soars", "https://paper.test/1?utm_source=rss", "", apis.DAY)
    feed = runloop.parsed(sources.parser("rss:Paper", load()), rss(item).encode(), NOW)
    api = read(newsapi.parser("", load()), {"status": "ok", "articles": [apis.article(1)]})
    seen = runloop.Seen()
    assert [seen.add_result(result) for result in (*feed, *api)] == [True, False]


def test_removed_articles_are_noise_and_incomplete_ones_are_bad() -> None:
    incomplete = [{**apis.article(1), name: None} for name in ("title", "url", "publishedAt", "source")]
    articles = [apis.removed(), *incomplete, {**apis.article(2), "description": None}]
    results = read(newsapi.parser("", load()), {"status": "ok", "articles": articles})
    assert [value["summary"] for value in values(results)] == [""]
    assert len(details(results)) == 4


def test_a_refusal_of_newsapi_is_said() -> None:
    refusal = {"status": "error", "code": "rateLimited", "message": "Too many requests."}
    assert details(read(newsapi.parser("", load()), refusal)) == ["refused: 'rateLimited: Too many requests.'"]


# FRED


def test_the_capture_of_fred() -> None:
    body = (captures() / "macro" / "fred_dff.csv").read_bytes()
    results = runloop.parsed(sources.parser("fred:DFF", load()), body, NOW)
    assert len(values(results)) == len(results) == len(body.splitlines()) - 1
    assert values(results)[0] == {
        "indicator": "DFF",
        "value": 1.13,
        "date": "1954-07-01",
        "frequency": "daily",
        "event_time": millis(1954, 7, 1),
    }


@pytest.mark.parametrize("header", ["DATE", "observation_date"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_missing_values_are_noise_and_bad_rows_are_kept(header: str, end: str) -> None:
    rows = ["2025-01-01,.", "2025-01-02,", "2025-01-03,-0.5", "2025-02-30,1", "2025-01-04,x", "2025-01-05", "1,2"]
    body = end.join([f"{header},T10Y2Y", *rows, ""])
    results = runloop.parsed(sources.parser("fred:T10Y2Y", load()), body.encode(), NOW)
    assert [(value["date"], value["value"]) for value in values(results)] == [("2025-01-03", -0.5)]
    assert [result.original for result in results if isinstance(result, BadFrame)] == rows[3:]


@pytest.mark.parametrize("body", [b"", b"<!DOCTYPE html>", b"DATE,UNRATE\n2025-01-01,4.0\n", b"\xff\xfe", b"{}", b"{"])
def test_what_is_no_series_is_bad(body: bytes) -> None:
    (result,) = runloop.parsed(sources.parser("fred:DFF", load()), body, NOW)
    assert isinstance(result, BadFrame)
    assert result.topic == "macro"


def test_csv_and_api_say_the_same(server: ExchangeServer) -> None:
    series = {"DFF": "daily"}
    by_csv, by_api = MemorySink(load()), MemorySink(load())
    assert polled("fred", config(server, fred={"series": series}), by_csv) == [True]
    assert polled("fred", config(server, fred={"series": series, "api_key": apis.KEY}), by_api) == [True]
    assert by_csv.payloads == by_api.payloads
    assert [message.value["date"] for message in by_csv.messages] == ["2008-12-31", "2025-03-01", "2025-03-03"]


def test_a_series_is_taken_whole_once_and_then_what_may_have_changed(server: ExchangeServer) -> None:
    (source,) = polls("fred", config(server, fred={"series": {"DFF": "daily"}}))
    for _ in range(2):
        assert source.request.get() is not None
    source.request.accept()
    assert source.request.get() is not None
    recent = datetime.now(timezone.utc).date() - timedelta(days=5 * 366)
    assert [path.partition("cosd=")[2] for path, _ in server.hits] == ["2008-01-01", "2008-01-01", recent.isoformat()]


def test_a_series_that_there_is_not_fails_alone(server: ExchangeServer) -> None:
    settings = config(server, fred={"series": {"NONE": "daily", "DFF": "daily"}})
    sink = MemorySink(settings)
    assert polled("fred", settings, sink) == [False, True]
    assert sink.counts.sent == {"macro": 3}
    with pytest.raises(UserError, match="not one of fred"):
        sources.parser("fred:OTHER", settings)


def test_the_series_are_produced_once(server: ExchangeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = config(server, fred={"series": {"DFF": "daily", "UNRATE": "monthly"}})
    settings.data_dir = tmp_path
    result, sink = command(settings, monkeypatch, "produce", "fred", "--once")
    assert result.exit_code == 0, result.output
    assert "4 macro; 0 dead letters" in result.output
    assert {message.key for message in sink.messages} == {"DFF", "UNRATE"}


# Fear & Greed


def test_days_of_fear_and_greed() -> None:
    first, second = values(read(fear_greed.parse, apis.fear_greed(2)))
    assert first == {
        "source": "alternative.me",
        "value": 15,
        "classification": "Extreme Fear",
        "event_time": DAY,
    }
    assert second["event_time"] == DAY - 86_400_000


@pytest.mark.parametrize(
    "changes", [{"value": "1e1"}, {"value": 15}, {"timestamp": "today"}, {"value_classification": 1}]
)
def test_a_bad_day_is_kept_as_bad(changes: dict[str, Any]) -> None:
    answer = apis.fear_greed(2)
    answer["data"][0].update(changes)
    results = read(fear_greed.parse, answer)
    assert (len(values(results)), len(details(results))) == (1, 1)


def test_a_day_beyond_the_scale_is_a_dead_letter() -> None:
    answer = apis.fear_greed(1)
    answer["data"][0]["value"] = "101"
    sink = MemorySink(load())
    assert runloop.deliver(read(fear_greed.parse, answer), sink) == (0, 1)
    assert sink.counts.dead == {"out_of_range": 1}


def test_a_refusal_of_alternative_me_is_said() -> None:
    assert details(read(fear_greed.parse, {"data": [], "metadata": {"error": "busy"}})) == ["refused: 'busy'"]
