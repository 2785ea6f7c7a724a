"""Every listing gives exactly the rows that plain Python takes from the same market, page by page, each once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from tests.serving.market import DAY, GONE, HOUR, MINUTE, NOW, SECOND, Market, Row, floor, label, mean

END = floor(NOW, SECOND) + SECOND  # of a range that goes on until now
PERIODS = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
Oracle = Callable[[Market, datetime, datetime], list[Row]]
API = "/api/v1"


def get(api: TestClient, path: str, **words: Any) -> Any:
    answer = api.get(path, params=words or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def walk(api: TestClient, path: str, **words: Any) -> Iterator[Any]:
    """Yield every page, as a caller gets them who follows `next`."""
    address: str | None = f"{path}?{urlencode(words)}"
    while address:
        answer = api.get(address)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["count"] == len(page["data"])
        yield page
        address = page["next"]


def rows_of(pages: Any) -> list[Row]:
    """Return the rows of all pages, with times as times."""
    return [{name: timed(name, value) for name, value in row.items()} for page in pages for row in page["data"]]


def timed(name: str, value: Any) -> Any:
    is_time = name in ("timestamp", "window_end", "target_time", "ingest_time", "detected_at", "ended_at")
    return datetime.fromisoformat(value.replace("Z", "+00:00")) if is_time and value else value


def between(rows: list[Row], column: str, start: datetime, end: datetime) -> list[Row]:
    return [row for row in rows if start <= row[column] < end]


def listed(rows: list[Row], columns: dict[str, str], *order: str) -> list[Row]:
    """Return ``rows`` with their columns renamed, the newest first, then by ``order`` backwards."""
    found = [{columns.get(name, name): value for name, value in row.items() if columns.get(name) != ""} for row in rows]
    return sorted(found, key=lambda row: tuple(row[name] for name in ("timestamp", *order)), reverse=True)


def trades(market: Market, start: datetime, end: datetime) -> list[Row]:
    rows = [row for row in between(market["trade_data"], "event_time", start, end) if row["pair"] == "BTC/USDT"]
    return listed(rows, {"event_time": "timestamp"}, "source", "trade_id")


def tickers(market: Market, start: datetime, end: datetime) -> list[Row]:
    rows = between(market["ticker_data"], "event_time", start, end)
    more = [{**row, "open": row["last"], "high": row["last"], "low": row["last"], "ticker_count": 1} for row in rows]
    return listed(more, {"event_time": "timestamp", "ingest_time": ""}, "source")


def ticker_bars(market: Market, start: datetime, end: datetime, step: timedelta, *, quotes: bool) -> list[Row]:
    groups: dict[tuple[datetime, str], list[Row]] = defaultdict(list)
    for row in market["ticker_data"]:
        groups[floor(row["event_time"], step), row["source"]].append(row)
    found = []
    for (at, source), rows in groups.items():
        if floor(start, step) <= at < end:
            rows.sort(key=lambda row: row["event_time"])
            last = rows[-1]
            found.append(
                {
                    "timestamp": at,
                    "source": source,
                    "symbol": "BTC",
                    "pair": "BTC/USD",
                    "last": last["last"],
                    "open": rows[0]["last"],
                    "high": max(row["last"] for row in rows),
                    "low": min(row["last"] for row in rows),
                    "bid": last["bid"] if quotes else None,
                    "ask": last["ask"] if quotes else None,
                    "volume_24h": last["volume_24h"] if quotes else None,
                    "change_pct": None,
                    "ticker_count": len(rows),
                }
            )
    return listed(found, {}, "source")


def prices(market: Market, start: datetime, end: datetime) -> list[Row]:
    found = []
    for row in between(market["price_data"], "event_time", start, end):
        if row["symbol"] == "BTC":
            same = {"min_price": row["price_usd"], "max_price": row["price_usd"], "price_count": 1}
            found.append({**row, **same})
    return listed(
        found, {"event_time": "timestamp", "symbol": "crypto_symbol", "ingest_time": ""}, "source", "crypto_id"
    )


def price_hours(market: Market, start: datetime, end: datetime) -> list[Row]:
    groups: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in market["price_data"]:
        if row["symbol"] == "BTC":
            groups[floor(row["event_time"], HOUR), row["source"], row["crypto_id"]].append(row["price_usd"])
    found = [
        {
            "timestamp": at,
            "source": source,
            "crypto_id": crypto_id,
            "crypto_symbol": "BTC",
            "name": None,
            "price_usd": mean(values),
            "min_price": min(values),
            "max_price": max(values),
            "price_count": len(values),
            "market_cap": None,
            "volume_24h": None,
            "change_24h": None,
        }
        for (at, source, crypto_id), values in groups.items()
        if floor(start, HOUR) <= at < end
    ]
    return listed(found, {}, "source", "crypto_id")


def moods(market: Market, start: datetime, end: datetime) -> list[Row]:
    rows = [
        row for row in between(market["sentiment_data"], "window_start", start, end) if row["crypto_symbol"] == "BTC"
    ]
    more = [{**row, "lowest_score": row["sentiment_score"], "highest_score": row["sentiment_score"]} for row in rows]
    return listed(more, {"window_start": "timestamp"})


def mood_hours(market: Market, start: datetime, end: datetime) -> list[Row]:
    groups: dict[datetime, list[Row]] = defaultdict(list)
    for row in market["sentiment_data"]:
        if row["crypto_symbol"] == "BTC":
            groups[floor(row["window_start"], HOUR)].append(row)
    found = []
    for at, rows in groups.items():
        if floor(start, HOUR) <= at < end:
            score = mean([row["sentiment_score"] for row in rows for _ in range(row["article_count"])])
            found.append(
                {
                    "timestamp": at,
                    "window_end": at + HOUR,
                    "crypto_symbol": "BTC",
                    "sentiment_score": pytest.approx(score, abs=1e-15),
                    "sentiment_label": label(score),
                    "confidence": None,
                    "lowest_score": min(row["sentiment_score"] for row in rows),
                    "highest_score": max(row["sentiment_score"] for row in rows),
                    "article_count": sum(row["article_count"] for row in rows),
                    "source": "aggregated_articles",
                }
            )
    return listed(found, {})


def candles(resolution: str, step: timedelta) -> Oracle:
    def oracle(market: Market, start: datetime, end: datetime) -> list[Row]:
        rows = [row for row in market["candles"] if row["resolution"] == resolution]
        return listed(between(rows, "window_start", floor(start, step), end), {"window_start": "timestamp"}, "source")

    return oracle


def predictions(market: Market, start: datetime, end: datetime) -> list[Row]:
    found = []
    for row in between(market["prediction_data"], "window_end", start, end):
        actual = row["actual_price"]
        low, high = row["confidence_interval_low"], row["confidence_interval_high"]
        found.append({**row, "in_interval": None if actual is None else low <= actual <= high})
    return listed(found, {"window_end": "timestamp", "window_start": ""}, "pair", "model_name", "source")


def article(row: Row) -> Row:
    coins = row["cryptocurrencies_mentioned"]
    return {**row, "cryptocurrencies_mentioned": coins.split(",") if coins else []}


def articles(market: Market, start: datetime, end: datetime) -> list[Row]:
    rows = [article(row) for row in between(market["article_data"], "event_time", start, end)]
    return listed(rows, {"event_time": "timestamp", "id": "article_id", "ingest_time": ""}, "article_id")


def articles_of_btc(market: Market, start: datetime, end: datetime) -> list[Row]:
    return [row for row in articles(market, start, end) if "BTC" in row["cryptocurrencies_mentioned"]]


def alerts(market: Market, start: datetime, end: datetime) -> list[Row]:
    rows = between(market["alert_data"], "event_time", start, end)
    return listed(rows, {"event_time": "timestamp", "symbol": "crypto_symbol"}, "alert_id")


def impact(market: Market, start: datetime, end: datetime) -> list[Row]:
    about = {row["id"]: row for row in market["article_data"]}
    found = []
    for row in between(market["news_impact"], "news_time", start, end):
        news = about[row["article_id"]]
        more = {name: news[name] for name in ("title", "url", "website", "sentiment_score", "sentiment_label")}
        found.append({**row, **more})
    left_out = dict.fromkeys(("bars_before", "bars_after", "baseline_returns", "longest_pause_seconds"), "")
    names = {"news_time": "timestamp", "symbol": "crypto_symbol", **left_out}
    return listed(found, names, "crypto_symbol", "article_id", "pair", "source", "horizon_seconds")


def fear(market: Market, start: datetime, end: datetime) -> list[Row]:
    return listed(between(market["market_sentiment_data"], "event_time", start, end), {"event_time": "timestamp"})


def macro(market: Market, start: datetime, end: datetime) -> list[Row]:
    rows = between(market["macro_data"], "event_time", start, end)
    return listed(rows, {"event_time": "timestamp", "date": ""}, "indicator")


def volumes(market: Market, start: datetime, end: datetime) -> list[Row]:
    return listed(
        between(market["volume_daily"], "day_start", floor(start, DAY), end), {"day_start": "timestamp"}, "source"
    )


def minutes(market: Market, start: datetime, end: datetime) -> list[Row]:
    return ticker_bars(market, start, end, MINUTE, quotes=True)


def hours(market: Market, start: datetime, end: datetime) -> list[Row]:
    return ticker_bars(market, start, end, HOUR, quotes=False)


# Path, period, and what it must give; the resolution that fits the period, where there is one.
LISTINGS: list[tuple[str, str, Oracle, str | None]] = [
    ("/trade/BTC-USDT/historique/", "24h", trades, None),
    ("/trade/btc/usdt/historique/", "1h", trades, None),
    ("/ticker/BTC/USD/historique/", "1h", tickers, "raw"),
    ("/ticker/XBT-USD/historique/", "24h", minutes, "1m"),
    ("/ticker/BTC-USD/historique/", "7d", hours, "1h"),
    ("/ticker/BTC-USD/historique/", "30d", hours, "1h"),
    ("/prix/bitcoin/historique/", "1h", prices, "raw"),
    ("/prix/BTC/historique/", "24h", prices, "raw"),
    ("/prix/btc/historique/", "7d", price_hours, "1h"),
    ("/prix/btc/historique/", "30d", price_hours, "1h"),
    ("/sentiment/Bitcoin/historique/", "24h", moods, "raw"),
    ("/sentiment/btc/historique/", "7d", moods, "raw"),
    ("/sentiment/btc/historique/", "30d", mood_hours, "1h"),
    ("/candles/BTC-USDT", "1h", candles("1m", MINUTE), "1m"),
    ("/candles/btc/usdt", "24h", candles("1m", MINUTE), "1m"),
    ("/candles/BTC-USDT", "7d", candles("5m", 5 * MINUTE), "5m"),
    ("/candles/BTC-USDT", "30d", candles("1h", HOUR), "1h"),
    ("/prediction/BTC/historique/", "1h", predictions, None),
    ("/article/historique/", "24h", articles, None),
    ("/article/historique/", "7d", articles, None),
    ("/articles/BTC/", "7d", articles_of_btc, None),
    ("/alert/historique/", "7d", alerts, None),
    ("/impact/", "24h", impact, None),
    ("/market-sentiment/", "30d", fear, None),
    ("/macro/", "30d", macro, None),
    ("/volume/BTC-USDT", "30d", volumes, None),
]


@pytest.mark.parametrize(
    ("path", "period", "oracle", "resolution"), LISTINGS, ids=[f"{p} {t}" for p, t, _, _ in LISTINGS]
)
def test_every_row_of_a_period_comes_once_and_in_order(
    api: TestClient, market: Market, path: str, period: str, oracle: Oracle, resolution: str | None
) -> None:
    wanted = oracle(market, END - PERIODS[period], END)
    assert len(wanted) >= 3, "the market has too little to show anything"
    pages = list(walk(api, API + path, periode=period))

    assert rows_of(pages) == wanted
    assert [len(page["data"]) for page in pages[:-1]] == [100] * (len(pages) - 1)
    assert {page.get("resolution") for page in pages} == {resolution}
    assert len(wanted) <= 10_000
    # So that a chart is one request, and that pages of any size cut nowhere.
    assert rows_of([get(api, API + path, periode=period, limit=10_000)]) == wanted
    for limit in (1, 7):
        some = islice(walk(api, API + path, periode=period, limit=limit), 9)
        assert rows_of(some) == wanted[: 9 * limit]


def at(day: int, hour: int = 0, second: float = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=timezone.utc) + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ({}, END - DAY, END),
        ({"date_debut": "2026-03-14T00:00:00Z"}, at(14), END),
        ({"date_debut": "2026-03-14", "date_fin": "2026-03-15"}, at(14), at(15)),
        ({"date_fin": "2026-03-15T09:00:00Z"}, at(14, 9), at(15, 9)),
        ({"date_fin": "2026-03-15T09:00:00Z", "periode": "1h"}, at(15, 8), at(15, 9)),
        ({"date_debut": "2026-03-15T05:00:00+01:00", "date_fin": "2026-03-15T08:00:00 01:00"}, at(15, 4), at(15, 7)),
        ({"date_debut": "2026-03-15T09:00:00.5", "date_fin": "2030-01-01", "periode": "1h"}, at(15, 9, 0.5), END),
    ],
)
def test_a_range_is_what_its_words_say(
    api: TestClient, market: Market, words: dict[str, str], start: datetime, end: datetime
) -> None:
    assert rows_of(walk(api, f"{API}/trade/BTC-USDT/historique/", **words)) == trades(market, start, end)


def test_the_begin_is_in_a_range_and_its_end_is_not(api: TestClient, market: Market) -> None:
    rows = trades(market, END - DAY, END)
    first, last = rows[-1]["timestamp"], rows[10]["timestamp"]
    words = {"date_debut": first.isoformat(), "date_fin": last.isoformat()}
    found = rows_of(walk(api, f"{API}/trade/BTC-USDT/historique/", **words))
    assert found == [row for row in rows if first <= row["timestamp"] < last]
    assert found[-1]["timestamp"] == first


FILTERS: list[tuple[str, dict[str, Any], Oracle, Callable[[Row], bool]]] = [
    ("/trade/BTC-USDT/historique/", {"source": "okx"}, trades, lambda row: row["source"] == "okx"),
    ("/ticker/BTC-USD/historique/", {"source": "kraken"}, minutes, lambda row: row["source"] == "kraken"),
    ("/prix/BTC/historique/", {"source": "coinmarketcap"}, prices, lambda row: row["source"] == "coinmarketcap"),
    (
        "/article/historique/",
        {"crypto_symbol": "solana"},
        articles,
        lambda row: "SOL" in row["cryptocurrencies_mentioned"],
    ),
    (
        "/article/historique/",
        {"sentiment_label": "negative"},
        articles,
        lambda row: row["sentiment_label"] == "negative",
    ),
    ("/alert/historique/", {"alert_type": "spike"}, alerts, lambda row: row["alert_type"] == "spike"),
    (
        "/alert/historique/",
        {"crypto_symbol": "eth", "severity": "critical"},
        alerts,
        lambda row: (row["crypto_symbol"], row["severity"]) == ("ETH", "critical"),
    ),
    ("/alert/historique/", {"pair": "XBT/USDT"}, alerts, lambda row: row["pair"] == "BTC/USDT"),
    ("/alert/historique/", {"min_change": 2.5}, alerts, lambda row: abs(row["change_percent"] or 0) >= 2.5),
    (
        "/impact/",
        {"horizon": 300, "crypto_symbol": "eth"},
        impact,
        lambda row: (row["horizon_seconds"], row["crypto_symbol"]) == (300, "ETH"),
    ),
    ("/impact/", {"min_score": 1.5}, impact, lambda row: abs(row["abnormal_score"] or 0) >= 1.5),
    ("/macro/", {"indicator": "DFF"}, macro, lambda row: row["indicator"] == "DFF"),
    (
        "/prediction/BTC/historique/",
        {"model_name": "last_price", "pair": "BTC-USDT"},
        predictions,
        lambda row: row["model_name"] == "last_price",
    ),
]


@pytest.mark.parametrize(("path", "words", "oracle", "keeps"), FILTERS, ids=[f"{p} {w}"[:50] for p, w, _, _ in FILTERS])
def test_filters_leave_out_what_does_not_match_and_next_keeps_to_them(
    api: TestClient, market: Market, path: str, words: dict[str, Any], oracle: Oracle, keeps: Callable[[Row], bool]
) -> None:
    everything = oracle(market, END - DAY, END)
    wanted = [row for row in everything if keeps(row)]
    assert 0 < len(wanted) < len(everything)
    assert rows_of(walk(api, API + path, periode="24h", limit=5, **words)) == wanted


@pytest.mark.parametrize(
    ("path", "resolution", "period", "oracle"),
    [
        ("/ticker/BTC-USD/historique/", "raw", "24h", tickers),
        ("/ticker/BTC-USD/historique/", "1h", "24h", hours),
        ("/prix/BTC/historique/", "raw", "7d", prices),
        ("/prix/BTC/historique/", "1h", "24h", price_hours),
        ("/sentiment/BTC/historique/", "1h", "24h", mood_hours),
        ("/candles/BTC-USDT", "1h", "7d", candles("1h", HOUR)),
        ("/candles/BTC-USDT", "5m", "24h", candles("5m", 5 * MINUTE)),
    ],
)
def test_a_resolution_can_be_chosen(
    api: TestClient, market: Market, path: str, resolution: str, period: str, oracle: Oracle
) -> None:
    pages = list(walk(api, API + path, periode=period, resolution=resolution, limit=900))
    assert rows_of(pages) == oracle(market, END - PERIODS[period], END)
    assert {page["resolution"] for page in pages} == {resolution}


def test_hours_whose_rows_are_gone_come_from_the_rollups(api: TestClient, market: Market) -> None:
    end = floor(NOW - GONE, HOUR) + 10 * MINUTE
    words = {"date_debut": (end - DAY).isoformat(), "date_fin": end.isoformat(), "resolution": "1h"}
    hour_after = floor(end, HOUR) + HOUR
    wanted = ticker_bars(market, end - DAY, hour_after, HOUR, quotes=False)
    assert len(wanted) > 20
    assert rows_of(walk(api, f"{API}/ticker/BTC-USD/historique/", **words)) == wanted
    assert rows_of(walk(api, f"{API}/sentiment/BTC/historique/", **words)) == mood_hours(market, end - DAY, hour_after)
    assert get(api, f"{API}/ticker/BTC-USD/historique/", **(words | {"resolution": "raw"}))["count"] < 5


def test_the_answer_says_what_range_it_has(api: TestClient) -> None:
    page = get(
        api,
        f"{API}/candles/BTC-USDT",
        date_debut="2026-03-15T09:58:30Z",
        date_fin="2026-03-15T10:03:10Z",
        resolution="5m",
    )
    assert (page["date_debut"], page["date_fin"]) == ("2026-03-15T09:55:00Z", "2026-03-15T10:05:00Z")
    assert {row["timestamp"] for row in page["data"]} <= {"2026-03-15T09:55:00Z", "2026-03-15T10:00:00Z"}


def test_what_feeds_say_is_passed_on_as_it_is(api: TestClient, market: Market) -> None:
    found = {row["article_id"]: row for row in rows_of(walk(api, f"{API}/article/historique/", periode="30d"))}
    nasty = [row for row in market["article_data"] if row["id"] in found and "<script>" in row["title"]]
    assert nasty
    assert all(found[row["id"]]["title"] == row["title"] for row in nasty)
