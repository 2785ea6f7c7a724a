"""All sources at once against servers that do to them what the internet does: nothing is lost or double, what is
malformed is kept with its reason, and every gap is closed or on record.

The silence of an hour, which is about a clock of ours, is in tests/unit/test_runloop.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console
from rich.table import Table

from flink_jobs import progress
from producers.health import State, states
from stack import topics
from tests.exchange import apis
from tests.exchange.server import ExchangeServer, Reply, rss
from tests.stack.conftest import TIDEMARK, environment
from tests.world import Row, World, wait_for
from tidemark.endpoints import kafka_bootstrap
from tidemark.settings import load

pytestmark = pytest.mark.stack

INPUTS = {  # topic: its table
    "trades": "trade_data",
    "tickers": "ticker_data",
    "articles": "article_data",
    "prices": "price_data",
    "market_sentiment": "market_sentiment_data",
    "macro": "macro_data",
}
RUBBISH = {b"not json": "not_json", b'{"who":"knows"}': "invalid_field"}
OLD_TRADES = "/api/v3/historicalTrades"
START = round((datetime.now(timezone.utc) - timedelta(minutes=20)).timestamp()) * 1000  # epoch ms
STEP = 20  # ms of event time between two trades
CUTS = {"binance": [60] * 18 + [0, 60], "kraken": [20] * 13 + [0, 20], "bitstamp": [20] * 13 + [0, 20]}  # 50 in all
BUSY = Reply("busy", 429, {"Retry-After": "1"})
BROKEN = Reply("oops", 500)

Trade = tuple[str, str, str, float, float, str, int]  # source, pair, id, price, quantity, side, event time


class Letter(NamedTuple):
    """A dead letter that must be: its original has ``mark`` in it, which no other has."""

    source: str
    topic: str
    error: str
    mark: str


class Binance:
    """Publishes trades: all of them, whoever listens, are in ``trades``, and in ``history`` as the exchange's REST API
    has them.
    """

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.history: dict[str, list[dict[str, Any]]] = {"BTCUSDT": [], "ETHUSDT": []}
        self._next = {"BTC/USDT": 1_000_000, "ETH/USDT": 5_000}
        self._now = START

    def trade(self, pair: str, *, price: str = "") -> str:
        """Make a trade; return its frame."""
        number, market = self.skip(pair, 1), pair.replace("/", "")
        self._now += STEP
        price, quantity, maker = price or f"{2000 + number % 97}.25", f"0.{1 + number % 9}", number % 3 == 0
        old = {"id": number, "price": price, "qty": quantity, "time": self._now, "isBuyerMaker": maker}
        self.history[market].append(old)
        if float(price):
            side = "sell" if maker else "buy"
            self.trades.append(("binance", pair, str(number), float(price), float(quantity), side, self._now))
        event = {"e": "trade", "E": self._now, "s": market, "t": number, "p": price, "q": quantity}
        return json.dumps({"stream": f"{market.lower()}@trade", "data": {**event, "T": self._now, "m": maker}})

    def tape(self, count: int) -> list[str]:
        """Make trades; return their frames, some of them twice, some too late."""
        frames = [self.trade(("BTC/USDT", "ETH/USDT")[n % 2]) for n in range(count)]
        return _disturbed(frames)

    def skip(self, pair: str, count: int) -> int:
        """Leave out ids; return the first."""
        self._next[pair] += count
        return self._next[pair] - count

    def pause(self, millis: int) -> None:
        """Let time go by."""
        self._now += millis


def _disturbed(frames: Sequence[str]) -> list[str]:
    """Return ``frames`` with every 37th after the two behind it, and every 41st once more."""
    order = sorted(range(len(frames)), key=lambda n: n + (2.5 if n % 37 == 5 else 0))
    return [frame for n in order for frame in [frames[n]] * (2 if n % 41 == 7 else 1)]


def _kraken() -> tuple[list[str], list[Trade], Counter[tuple[Any, ...]], list[Letter]]:
    """Return a tape of Kraken, and its trades, tickers and faults."""
    frames: list[str] = []
    trades: list[Trade] = []
    tickers = Counter[tuple[Any, ...]]()
    for n in range(300):
        pair = ("BTC/USD", "ETH/USD")[n % 2]
        at = START - 60_000 + n * STEP
        moment = datetime.fromtimestamp(at / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
        side = "sell" if n % 3 else "buy"
        items = [
            {"symbol": pair, "side": side, "price": 100.5 + n, "qty": 0.25, "ord_type": "limit"}
            | {"trade_id": 70_000 + 2 * n + k, "timestamp": moment}
            for k in range(1 + n % 2)
        ]
        trades += [("kraken", pair, str(item["trade_id"]), 100.5 + n, 0.25, side, at) for item in items]
        frames.append(json.dumps({"channel": "trade", "type": "update", "data": items}))
        if n % 3 == 0:
            ticker = {"symbol": pair, "last": 100.5 + n, "bid": 100.0 + n, "ask": 101.0 + n, "volume": 5.5}
            tickers["kraken", pair, ticker["last"], ticker["bid"], ticker["ask"], ticker["volume"], at] += 1
            frames.append(
                json.dumps({"channel": "ticker", "type": "update", "data": [{**ticker, "timestamp": moment}]})
            )
    frames = _disturbed(frames)
    half = {"symbol": "BTC/USD", "note": "bad-k3"}
    good = {"symbol": "BTC/USD", "side": "buy", "price": 99.5, "qty": 0.5, "ord_type": "market", "trade_id": 90_000}
    trades.append(("kraken", "BTC/USD", "90000", 99.5, 0.5, "buy", START - 70_000))
    moment = datetime.fromtimestamp(START / 1000 - 70, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for place, bad in (
        (30, '{"channel":"trade","data":[{"bad-k1'),
        (111, '{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","last":"bad-k2"}]}'),
        (222, json.dumps({"channel": "trade", "type": "update", "data": [{**good, "timestamp": moment}, half]})),
    ):
        frames.insert(place, bad)
    letters = [
        Letter("kraken", "trades", "not_json", "bad-k1"),
        Letter("kraken", "tickers", "bad_frame", "bad-k2"),
        Letter("kraken", "trades", "bad_frame", "bad-k3"),
    ]
    return frames, trades, tickers, letters


def _bitstamp() -> tuple[list[str], list[Trade], list[Letter]]:
    """Return a tape of Bitstamp, and its trades and faults."""
    frames, trades = [], []
    for n in range(300):
        pair = ("BTC/USD", "ETH/USD")[n % 2]
        at = START - 60_000 + n * STEP
        frames.append(_bitstamp_trade(pair, 400_000 + 3 * n, f"{50 + n}.75", n % 2, at))
        trades.append(("bitstamp", pair, str(400_000 + 3 * n), n + 50.75, 0.125, ("buy", "sell")[n % 2], at))
    frames = _disturbed(frames)
    frames.insert(50, '{"event":"trade","bad-s1')
    frames.insert(150, _bitstamp_trade("bad-s2", 1, "1", 0, START))
    letters = [
        Letter("bitstamp", "trades", "not_json", "bad-s1"),
        Letter("bitstamp", "trades", "bad_frame", "bad-s2"),
    ]
    return frames, trades, letters


def _bitstamp_trade(pair: str, number: int, price: str, kind: int, at: int) -> str:
    data = {"id": number, "type": kind, "price_str": price, "amount_str": "0.125", "microtimestamp": f"{at}000"}
    return json.dumps({"event": "trade", "channel": f"live_trades_{pair.replace('/', '').lower()}", "data": data})


# What the polled sources are told: first the faults, one answer each, then what tests/exchange/apis.py has.
_EARLIER = {
    **apis.market("bitcoin", []),
    "current_price": 86000.5,
    "last_updated": "2025-03-04T12:33:00.000Z",
}
_BAD_COIN = {**apis.market("ethereum", []), "current_price": None, "image": "bad-g2"}
_BAD_ARTICLE = {**apis.article(8), "title": None, "url": "https://paper.test/bad-n2"}
_BAD_DAY = {**apis.fear_greed(1)["data"][0], "value": "bad-a2"}
FAULTS = {
    "/api/v3/coins/markets": [BUSY, BROKEN, Reply('{"bad-g1'), Reply(json.dumps([_EARLIER, _BAD_COIN]))],
    "/v1/cryptocurrency/listings/latest": [
        BROKEN,
        Reply(json.dumps({"status": {"error_code": 1011, "error_message": "bad-c1"}})),
        BUSY,
    ],
    "/v2/everything": [
        BUSY,
        Reply("<bad-n1>"),
        Reply(json.dumps({"status": "ok", "totalResults": 2, "articles": [apis.article(7), _BAD_ARTICLE]})),
    ],
    "/graph/fredgraph.csv": [BUSY, Reply("<!DOCTYPE html><title>bad-f1</title>")],
    "/fng/": [BROKEN, Reply("bad-a1"), Reply(json.dumps({"data": [_BAD_DAY], "metadata": {"error": None}}))],
}
SERIES = {
    "DFF": {"2025-01-02": "4.33", "2025-01-03": "bad-f2", "2025-01-06": "."},
    "T10Y2Y": {"2025-01-02": "0.31", "2025-01-03": "-0.32"},
}
_NEWS = ("Bitcoin soars", "http://news.test/a?utm_source=x", "Great", apis.DAY)
_MORE = ("Ethereum falls", "http://news.test/b", "Bad", apis.DAY + timedelta(hours=1))
FEEDS = {
    "/feed": [
        BROKEN,
        Reply(rss(_NEWS, ("No date", "http://news.test/bad-r1", "", None))),
        Reply("<bad-r2"),
        Reply(rss(_NEWS, _MORE)),
    ],
    "/copy": [BUSY, Reply(rss((_NEWS[0], "http://news.test/a", *_NEWS[2:])))],
    "/down": [BROKEN],
}
POLLED_LETTERS = [
    Letter("coingecko", "prices", "not_json", "bad-g1"),
    Letter("coingecko", "prices", "bad_frame", "bad-g2"),
    Letter("coinmarketcap", "prices", "bad_frame", "bad-c1"),
    Letter("newsapi", "articles", "not_json", "bad-n1"),
    Letter("newsapi", "articles", "bad_frame", "bad-n2"),
    Letter("fred", "macro", "bad_frame", "bad-f1"),
    Letter("fred", "macro", "bad_frame", "bad-f2"),
    Letter("fear_greed", "market_sentiment", "not_json", "bad-a1"),
    Letter("fear_greed", "market_sentiment", "bad_frame", "bad-a2"),
    Letter("rss", "articles", "bad_frame", "bad-r1"),
    Letter("rss", "articles", "bad_frame", "bad-r2"),
]


def _iso(text: str) -> int:
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def _coin(item: dict[str, Any]) -> tuple[Any, ...]:
    known = (item["id"], item["symbol"].upper(), "coingecko", item["current_price"], item["market_cap"], item["ath"])
    return (*known, _iso(item["last_updated"]))


def _polled() -> dict[str, set[tuple[Any, ...]]]:
    """Return the rows that what the servers say makes, by source."""
    listed = apis.listings(20)["data"]
    hour = timedelta(hours=1)
    return {
        "coingecko": {_coin(_EARLIER), *(_coin(apis.market(coin, [])) for coin in apis.MARKETS)},
        "coinmarketcap": {
            (str(c["id"]), c["symbol"], "coinmarketcap", q["price"], q["market_cap"], None, _iso(q["last_updated"]))
            for c in listed
            for q in [c["quote"]["USD"]]
        },
        "newsapi": {
            (
                "newsapi",
                f"https://paper.test/{n}",
                f"Bitcoin soars again, says report {n}",
                _millis(apis.DAY - n * hour),
            )
            for n in (0, 1, 2, 7)
        },
        "rss": {
            ("rss", "http://news.test/a", _NEWS[0], _millis(_NEWS[3])),
            ("rss", "http://news.test/b", _MORE[0], _millis(_MORE[3])),
        },
        "fred": {("DFF", "2025-01-02", 4.33), ("T10Y2Y", "2025-01-02", 0.31), ("T10Y2Y", "2025-01-03", -0.32)},
        "fear_greed": {("alternative.me", 15 + n, _millis(apis.DAY - n * 24 * hour)) for n in range(10)},
    }


def _stored(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of PostgreSQL by source, in the form of `_polled`."""
    price = ("crypto_id", "symbol", "source", "price_usd", "market_cap", "ath", "event_time")
    prices = [tuple(row[name] for name in price) for row in world.rows("price_data")]
    articles = [(r["source"], r["url"], r["title"], r["event_time"]) for r in world.rows("article_data")]
    return {
        **{name: [row for row in prices if row[2] == name] for name in ("coingecko", "coinmarketcap")},
        **{name: [row for row in articles if row[0] == name] for name in ("newsapi", "rss")},
        "fred": [(row["indicator"], row["date"], row["value"]) for row in world.rows("macro_data")],
        "fear_greed": [(r["source"], r["value"], r["event_time"]) for r in world.rows("market_sentiment_data")],
    }


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _trade_rows(world: World) -> list[Trade]:
    names = ("source", "pair", "trade_id", "price", "quantity", "side", "event_time")
    return [tuple(row[name] for name in names) for row in world.rows("trade_data")]


def _settings(world: World, folder: Path, binance: ExchangeServer, others: ExchangeServer) -> dict[str, str]:
    """Return the environment of producers that note how they are in ``folder``."""
    groups = apis.settings_of(others.http_url)
    groups["rss"] = {"feeds": {name.title(): f"{others.http_url}/{name}" for name in ("feed", "copy", "down")}}
    groups["fred"]["series"] = dict.fromkeys(SERIES, "daily")
    for group in groups.values():
        group["schedule"] = "1s"
    groups["binance"] = {
        "ws_url": binance.ws_url,
        "rest_url": binance.http_url,
        "pairs": ["BTC/USDT", "ETH/USDT"],
    }
    groups["kraken"] = {"ws_url": f"{others.ws_url}/v2", "pairs": ["BTC/USD", "ETH/USD"]}
    groups["bitstamp"] = {"ws_url": f"{others.ws_url}/bitstamp", "pairs": ["BTC/USD", "ETH/USD"]}
    groups["producers"] = {"reconnect_max": "100ms", "breaker_failures": 3, "breaker_pause": "2s"}
    groups["kafka"] = {"bootstrap": kafka_bootstrap(world.settings)}
    given = {f"{group}__{name}".upper(): value for group, values in groups.items() for name, value in values.items()}
    return environment(world, DATA_DIR=str(folder), **given)


@contextmanager
def _producing(settings: dict[str, str], log: Path, *sources: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tidemark produce`; at the end it must stop in good order, unless it was killed."""
    with (
        log.open("ab") as file,
        subprocess.Popen([TIDEMARK, "produce", *sources], env=settings, stderr=file) as process,
    ):
        try:
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
        finally:
            process.kill()


def _state(folder: Path) -> dict[str, State]:
    return {state.source: state for state in states(load(data_dir=folder))}


def _gaps(world: World) -> dict[tuple[str, int, int], Row]:
    return {(row["pair"], row["first_id"], row["last_id"]): row for row in world.rows("feed_gaps")}


def _publish_until(server: ExchangeServer, exchange: Binance, done: Callable[[], bool], what: str) -> None:
    """Publish trades until ``done``."""

    def more() -> bool:
        if done():
            return True
        server.add("binance", exchange.tape(50))
        server.wait_played("binance")
        return False

    wait_for(more, what, 60, every=0)


def _other_writers(world: World) -> dict[tuple[str, int, int], str]:
    """Put what no producer of ours would send on every topic; return the codes by place."""
    return {
        (world.name(topic), *place): code
        for topic in INPUTS
        for place, code in zip(world.put(topic, RUBBISH), RUBBISH.values(), strict=True)
    }


def test_all_sources_under_fire(case: Callable[..., World], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # With one partition nothing can be taken for silent, however slow the machine: event time is that of Binance.
    world = case(kafka={"partitions": 1}, watermarks={"trades": "1s", "tickers": "1s", "articles_idle": "3s"})
    exchange = Binance()
    kraken, kraken_trades, tickers, kraken_letters = _kraken()
    bitstamp, bitstamp_trades, bitstamp_letters = _bitstamp()
    letters = [*kraken_letters, *bitstamp_letters, *POLLED_LETTERS]
    log = tmp_path / "log"
    binance = ExchangeServer(
        exchange.tape(200),
        cut_after=CUTS["binance"],
        pace=0.002,
        live=True,
        history=exchange.history,
        faults={OLD_TRADES: [BUSY, BROKEN, Reply("[{")]},
    )
    others = ExchangeServer(
        kraken=kraken,
        bitstamp=bitstamp,
        cut_after=CUTS["kraken"],
        pace=0.002,
        feeds=FEEDS,
        apis=apis.Apis(series=SERIES),
        faults=FAULTS,
    )
    with binance, others, world.running("ingest"), world.running("quality"):
        settings = _settings(world, tmp_path, binance, others)
        with _producing(settings, log, "all") as process:
            wait_for(lambda: binance.connections["binance"] or process.poll() is not None, "the producers", 60)
            refused = _other_writers(world)
            _publish_until(
                binance, exchange, lambda: binance.connections["binance"] > len(CUTS["binance"]), "the last cut"
            )
            never = _leave_gaps(world, binance, exchange, letters)
            for name in ("kraken", "bitstamp"):
                others.wait_played(name)
            exchange.pause(60_000)
            binance.add("binance", exchange.tape(4))
            trades = [*exchange.trades, *kraken_trades, *bitstamp_trades]
            polled = _polled()
            wait_for(lambda: len(world.rows("trade_data")) >= len(trades), "all trades in PostgreSQL", 60, every=0.5)
            wait_for(
                lambda: (
                    {name: len(rows) for name, rows in _stored(world).items()}
                    == {name: len(rows) for name, rows in polled.items()}
                ),
                "all that was polled in PostgreSQL",
                60,
                every=0.5,
            )
            wait_for(
                lambda: len(world.topic("dead_letters")) >= len(letters) + len(refused), "dead letters", 60, every=0.5
            )
            wait_for(lambda: _state(tmp_path)["rss:Down"].breaker == "OPEN", "the breaker of the feed that is down", 30)
            health = _state(tmp_path)
            assert process.poll() is None
        progress.settle(world.settings, ["ingest", "quality"], lambda behind: None)
    connections = binance.connections + others.connections
    assert connections == {name: len(cuts) + 1 for name, cuts in CUTS.items()}

    stored = _trade_rows(world)
    assert Counter(stored) == Counter(trades)
    assert (
        Counter(
            (r["source"], r["pair"], r["last"], r["bid"], r["ask"], r["volume_24h"], r["event_time"])
            for r in world.rows("ticker_data")
        )
        == tickers
    )
    rows = _stored(world)
    assert {name: Counter(found) for name, found in rows.items()} == {name: Counter(v) for name, v in polled.items()}
    _assert_letters(world, letters, refused)
    copies = _assert_account(world)
    gaps = _assert_gaps(world, never)
    _assert_each_for_itself(health)

    with capsys.disabled():
        given = Counter(row[0] for row in trades) + Counter(kraken=len(tickers))
        given += Counter({name: len(expected) for name, expected in polled.items()})
        kept = Counter(row[0] for row in stored) + Counter(kraken=len(world.rows("ticker_data")))
        kept += Counter({name: len(found) for name, found in rows.items()})
        dead = Counter(letter.source for letter in letters)
        events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        noticed = sum(event["event"] == "gap" for event in events)
        open_gaps = sum(row["state"] == "open" for row in gaps.values())
        table = Table("source", "given", "stored", "dead letters", "duplicates", "cuts", "missing")
        for name in given:
            cuts = str(len(CUTS[name])) if name in CUTS else ""
            numbers = (given[name] + dead[name], kept[name], dead[name], copies[name])
            table.add_row(name, *map(str, numbers), cuts, str(given[name] - kept[name]))
        table.add_row("other writers", str(len(refused)), "0", str(len(refused)), "0", "", "0")
        console = Console(width=100)
        console.print()
        console.print(table)
        console.print(
            f"gaps in Binance's ids: {noticed} noticed by the producer; {len(gaps)} seen by the job quality, of them "
            f"{len(gaps) - open_gaps} closed since, {open_gaps} open: {sorted(never)}"
        )


def _leave_gaps(
    world: World, server: ExchangeServer, exchange: Binance, letters: list[Letter]
) -> set[tuple[str, int, int]]:
    """Leave ids out of the stream: some that REST has, some that it has later, some that it never has, which are
    returned; and break two trades.
    """
    never = set()
    server.add("binance", exchange.tape(60))
    for _ in range(5):
        exchange.trade("BTC/USDT")
    server.add("binance", exchange.tape(60))

    server.refusing[OLD_TRADES] = BUSY
    late = [exchange.trade("ETH/USDT") for _ in range(12)]
    first, last = (json.loads(late[n])["data"]["t"] for n in (0, -1))
    gap = ("ETH/USDT", first, last)
    server.add("binance", exchange.tape(200))
    wait_for(lambda: gap in _gaps(world), "the gap that REST does not yet fill", 90, every=0.5)
    assert _gaps(world)[gap]["state"] == "open"
    del server.refusing[OLD_TRADES]
    wait_for(lambda: _gaps(world)[gap]["state"] == "closed", "that gap to be closed", 60, every=0.5)

    first = exchange.skip("BTC/USDT", 7)
    never.add(("BTC/USDT", first, first + 6))
    server.add("binance", exchange.tape(60))

    exchange.trade("ETH/USDT")  # in REST it is whole
    free = exchange.trade("BTC/USDT", price="0.00")
    number = json.loads(free)["data"]["t"]
    never.add(("BTC/USDT", number, number))
    server.add("binance", ['{"stream":"ethusdt@trade","data":{"bad-b1', free, *exchange.tape(60)])
    letters += [
        Letter("binance", "trades", "not_json", "bad-b1"),
        Letter("binance", "trades", "out_of_range", f'"trade_id": "{number}"'),
    ]
    return never


def _assert_letters(world: World, expected: Iterable[Letter], refused: dict[tuple[str, int, int], str]) -> None:
    """Every malformed item is kept once with its code: what a producer refused, and what Flink did."""
    by_mark = {letter.mark: letter for letter in expected}
    found = world.topic("dead_letters")
    ours = [letter for letter in found if letter["partition"] is None]
    marks = [next((mark for mark in by_mark if mark in letter["message"]), letter["message"]) for letter in ours]
    assert Counter(marks) == Counter([*by_mark])
    for mark, letter in zip(marks, ours, strict=True):
        assert (letter["original_topic"], letter["error"]) == (world.name(by_mark[mark].topic), by_mark[mark].error)
    flinks = [letter for letter in found if letter["partition"] is not None]
    assert {(x["original_topic"], x["partition"], x["offset"]): x["error"] for x in flinks} == refused
    assert len(flinks) == len(refused)


def _assert_account(world: World) -> Counter[str]:
    """On every topic, messages are stored rows, dead letters and duplicates; return the duplicates by source."""
    keys: dict[str, Callable[[Row], tuple[Any, ...]]] = {
        "trades": lambda m: (m["source"], m["pair"], m["trade_id"]),
        "tickers": lambda m: (m["source"], m["pair"], m["event_time"]),
        "articles": lambda m: (m["source"], m["id"]),
        "prices": lambda m: (m["source"], m["crypto_id"], m["event_time"]),
        "market_sentiment": lambda m: ("fear_greed", m["event_time"]),
        "macro": lambda m: ("fred", m["indicator"], m["date"]),
    }
    dead = Counter(x["original_topic"] for x in world.topic("dead_letters") if x["partition"] is not None)
    copies = Counter[str]()
    for topic, table in INPUTS.items():
        name = world.name(topic)
        values = [*topics.read(world.settings, name)]
        seen = Counter(keys[topic](json.loads(value)) for value in values if value not in RUBBISH)
        copies.update({key[0]: 0 for key in seen})
        for key, times in seen.items():
            copies[key[0]] += times - 1
        duplicates = seen.total() - len(seen)
        assert len(values) == len(world.rows(table)) + dead[name] + duplicates, topic
    return copies


def _assert_gaps(world: World, never: set[tuple[str, int, int]]) -> dict[tuple[str, int, int], Row]:
    """What nobody has is on record as open, exactly; what came after all as closed."""
    gaps = _gaps(world)
    assert len(gaps) == len(world.rows("feed_gaps"))
    assert {gap for gap, row in gaps.items() if row["state"] == "open"} == never
    for gap, row in gaps.items():
        missing = gap[2] - gap[1] + 1
        found = 0 if gap in never else missing
        assert (row["source"], row["missing"], row["found"]) == ("binance", missing, found)
        assert (row["closed_at"] is None) == (gap in never)
    return gaps


def _assert_each_for_itself(health: dict[str, State]) -> None:
    """The feed that is down is left alone; all the others are well."""
    down = health.pop("rss:Down")
    assert (down.state, down.messages, down.failures >= 3, down.error) == ("failing", 0, True, "HTTP 500")
    streams = {"binance", "kraken", "bitstamp"}
    polled = {"coingecko", "coinmarketcap", "rss:Feed", "rss:Copy", "newsapi", "fred:DFF", "fred:T10Y2Y", "fear_greed"}
    assert health.keys() == streams | polled
    for name, state in health.items():
        well = ("connected" if name in streams else "waiting", "CLOSED", 0, "")
        assert (state.state, state.breaker, state.failures, state.error) == well, name
        assert state.messages > 0 or name == "rss:Copy"


def test_a_killed_producer_misses_nothing(case: Callable[..., World], tmp_path: Path) -> None:
    world = case()
    exchange = Binance()

    def ids() -> set[tuple[str, str]]:
        messages = (json.loads(value) for value in topics.read(world.settings, world.name("trades")))
        return {(message["pair"], message["trade_id"]) for message in messages}

    def published() -> set[tuple[str, str]]:
        return {(pair, number) for _, pair, number, *_ in exchange.trades}

    server = ExchangeServer(exchange.tape(300), pace=0.001, live=True, history=exchange.history)
    with server:
        settings = _settings(world, tmp_path, server, server)
        with _producing(settings, tmp_path / "log", "binance") as process:
            server.wait_played("binance", 60)
            server.refusing[OLD_TRADES] = BROKEN
            for _ in range(5):
                exchange.trade("BTC/USDT")
            server.add("binance", exchange.tape(10))
            wait_for(lambda: _state(tmp_path)["binance"].gaps, "the gap to be noted", 30)
            os.kill(process.pid, signal.SIGKILL)  # while it waits to be fetched
            assert process.wait(30) == -signal.SIGKILL
        server.add("binance", exchange.tape(100))  # nobody listens
        server.wait_played("binance")
        del server.refusing[OLD_TRADES]
        with _producing(settings, tmp_path / "log", "binance"):
            wait_for(lambda: server.connections["binance"] == 2, "the producer to be back", 60)
            server.add("binance", exchange.tape(20))
            wait_for(lambda: ids() == published(), "what was published meanwhile", 60, every=0.5)
            wait_for(lambda: not _state(tmp_path)["binance"].gaps, "the gaps to be closed", 30)
