"""Answers that are no listings: the price now, predictions and their scores, rankings, quality, configuration."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.serving.conftest import Api
from tests.serving.market import DAY, HOUR, MINUTE, MODELS, NOW, SECOND, Market, Row, floor
from tests.serving.test_listings import API, END, get, timed


def newest(rows: list[Row], column: str = "event_time") -> Row:
    return max(rows, key=lambda row: row[column])


@pytest.mark.parametrize("name", ["BTC", "btc", "Bitcoin", "BITCOIN", "xbt", "bitcoin", " btc "])
def test_the_price_now_is_the_newest_of_all(api: TestClient, market: Market, name: str) -> None:
    found = get(api, f"{API}/prix/{name}/temps_reel/")
    trades = [row for row in market["trade_data"] if row["pair"] == "BTC/USDT"]
    trade = max(trades, key=lambda row: (row["event_time"], row["source"]))  # both venues traded in that millisecond
    ticker = newest(market["ticker_data"])
    prices = [row for row in market["price_data"] if row["crypto_id"] == "bitcoin"]
    gecko, cap = (newest([row for row in prices if row["source"] == one]) for one in ("coingecko", "coinmarketcap"))

    assert trade["event_time"] == max(row["event_time"] for row in (trade, ticker, gecko, cap))
    assert (found["price_usd"], found["kind"], found["pair"]) == (trade["price"], "trade", "BTC/USDT")
    assert timed("timestamp", found["timestamp"]) == trade["event_time"]
    assert (found["crypto_symbol"], found["name"]) == ("BTC", "Bitcoin")
    # Another coin of the same symbol, a tiny one, is not it.
    assert (found["market_cap"], found["change_24h"]) == (gecko["market_cap"], gecko["change_24h"])
    assert {(one["kind"], one["price_usd"], timed("timestamp", one["timestamp"])) for one in found["sources"]} == {
        ("trade", trade["price"], trade["event_time"]),
        ("ticker", ticker["last"], ticker["event_time"]),
        ("aggregator", gecko["price_usd"], gecko["event_time"]),
        ("aggregator", cap["price_usd"], cap["event_time"]),
    }


def test_a_coin_that_only_aggregators_know_is_found_by_their_name_for_it(api: TestClient, market: Market) -> None:
    wanted = newest([row for row in market["price_data"] if row["symbol"] == "WAGMI"])
    for name in ("WAGMI", "wagmi-coin", "Wagmi Coin"):
        found = get(api, f"{API}/prix/{name}/temps_reel/")
        assert (found["crypto_symbol"], found["name"], found["price_usd"]) == (
            "WAGMI",
            "Wagmi Coin",
            wanted["price_usd"],
        )


def test_predictions_come_with_how_good_they_were(api: TestClient, market: Market) -> None:
    found = get(api, f"{API}/predictions/bitcoin/")
    last = max(row["window_end"] for row in market["prediction_data"])
    wanted = {
        row["model_name"]: row["predicted_price"] for row in market["prediction_data"] if row["window_end"] == last
    }
    assert {row["model_name"]: row["predicted_price"] for row in found["data"]} == wanted
    assert set(wanted) == set(MODELS)
    assert {timed("timestamp", row["timestamp"]) for row in found["data"]} == {last}
    assert all(row["actual_price"] is None and row["in_interval"] is None for row in found["data"])

    scores: dict[tuple[str, str], Row] = {}
    for row in sorted(market["prediction_score"], key=lambda row: row["window_end"]):
        scores[row["model_name"], row["score_window"]] = row
    assert len(found["scores"]) == len(scores) == 8
    for score in found["scores"]:
        row = scores[score["model_name"], score["score_window"]]
        assert score["relative_error"] == row["relative_error"]
        assert score["better_than_naive"] is (score["model_name"] == "least_squares")
        assert (score["mean_absolute_error"], score["coverage"]) == (row["mean_absolute_error"], row["coverage"])


@pytest.mark.parametrize(("words", "sources"), [({}, 2), ({"limit": 2}, 2), ({"source": "coingecko"}, 1)])
def test_the_ranking_is_the_newest_of_each_aggregator(
    api: TestClient, market: Market, words: dict[str, Any], sources: int
) -> None:
    found = get(api, f"{API}/ranking/", **words)
    rows = market["ranking_24h"]
    wanted = []
    for source in ("coingecko", "coinmarketcap")[:sources]:
        last = max(row["window_end"] for row in rows if row["source"] == source)
        ranked = [row for row in rows if (row["source"], row["window_end"]) == (source, last)]
        wanted += [(source, row["place"], row["symbol"], row["price_usd"]) for row in ranked][: words.get("limit", 4)]
    assert [(r["source"], r["place"], r["crypto_symbol"], r["price_usd"]) for r in found["data"]] == wanted
    assert {row["crypto_symbol"]: row["name"] for row in found["data"]}.get("WAGMI", "Wagmi Coin") == "Wagmi Coin"


@pytest.mark.parametrize("period", ["1h", "24h"])
def test_quality_adds_up_the_minutes_of_each_feed(api: TestClient, market: Market, period: str) -> None:
    found = get(api, f"{API}/quality/", periode=period)
    start = END - (HOUR if period == "1h" else DAY)
    feeds = {(row["topic"], row["source"]): row for row in found["data"]}
    assert set(feeds) == {("trades", "binance"), ("tickers", "kraken"), ("trades", "")}
    for (topic, source), feed in feeds.items():
        rows = [
            row
            for row in market["data_quality"]
            if (row["topic"], row["source"]) == (topic, source) and start <= row["minute_start"] < END
        ]
        for column in ("seen", "valid", "rejected", "duplicate", "late", "gap"):
            assert feed[column] == sum(row[column] for row in rows)
        delays = [row["delay_p99"] for row in rows if row["delay_p99"] is not None]
        assert feed["delay_p99"] == max(delays, default=None)
        assert timed("timestamp", feed["last_minute"]) == floor(NOW, MINUTE) - MINUTE
    opened = [row for row in market["feed_gaps"] if row["state"] == "open"]
    assert found["open_gaps"] == len(opened) == 117
    newest_gaps = sorted(opened, key=lambda row: row["from_time"], reverse=True)[:100]
    assert [(gap["first_id"], gap["missing"]) for gap in found["gaps"]] == [(row["first_id"], 4) for row in newest_gaps]


def test_a_page_is_told_what_it_needs(api: TestClient, market: Market) -> None:
    found = get(api, f"{API}/config/visualization/")
    assert {(pair["kind"], pair["pair"]) for pair in found["pairs"]} == {
        ("trade", "BTC/USDT"),
        ("trade", "ETH/USD"),
        ("ticker", "BTC/USD"),
    }
    times = {(pair["kind"], pair["pair"]): timed("timestamp", pair["newest"]) for pair in found["pairs"]}
    assert times["ticker", "BTC/USD"] == newest(market["ticker_data"])["event_time"]
    assert found["candle_resolutions"] == ["1m", "5m", "1h"]
    resolutions = {one["periode"]: one["resolutions"] for one in found["periods"]}
    assert resolutions == {
        "1h": {"candles": "1m", "prix": "raw", "ticker": "raw", "sentiment": "raw"},
        "24h": {"candles": "1m", "prix": "raw", "ticker": "1m", "sentiment": "raw"},
        "7d": {"candles": "5m", "prix": "1h", "ticker": "1h", "sentiment": "raw"},
        "30d": {"candles": "1h", "prix": "1h", "ticker": "1h", "sentiment": "1h"},
    }
    thresholds = {(one["alert_type"], one["crypto_symbol"]): one["threshold"] for one in found["thresholds"]}
    assert thresholds["spike", None] == 1.0
    assert (found["sentiment_positive_above"], found["sentiment_negative_below"]) == (0.6, 0.4)
    assert "BTC" in {coin["symbol"] for coin in found["cryptos"]}


def test_thresholds_are_those_in_force(own: Any) -> None:
    made: Api = own()
    rules = [("spike", "*", 3.0, -1), ("spike", "BTC", 2.5, -2), ("zscore", "BTC", 9.0, 5)]
    for kind, symbol, threshold, hours in rules:
        made.database.run(
            "INSERT INTO alert_rules VALUES (%s, %s, %s, %s)", kind, symbol, NOW + hours * HOUR, threshold
        )
    found = get(made(), f"{API}/config/visualization/")["thresholds"]
    thresholds = {(one["alert_type"], one["crypto_symbol"]): one["threshold"] for one in found}
    assert thresholds["spike", None] == 3.0
    assert thresholds["spike", "BTC"] == 2.5
    assert ("zscore", "BTC") not in thresholds


def test_an_empty_database_has_empty_answers(own: Any) -> None:
    api = own()()
    for path in ("article/historique", "alert/historique", "impact", "ranking", "quality", "macro", "market-sentiment"):
        assert get(api, f"{API}/{path}/")["data"] == []
    for path in ("prix/btc/historique", "sentiment/btc/historique", "prediction/btc/historique", "articles/btc"):
        page = get(api, f"{API}/{path}/")
        assert (page["data"], page["next"], page["crypto_symbol"]) == ([], None, "BTC")
    assert get(api, f"{API}/predictions/btc/") == {"crypto_symbol": "BTC", "count": 0, "data": [], "scores": []}
    gone = api.get(f"{API}/prix/btc/temps_reel/")
    assert (gone.status_code, gone.json()["type"]) == (404, "urn:tidemark:problem:no-price")


def test_an_old_price_is_still_the_newest(own: Any) -> None:
    made: Api = own()
    insert = (
        "INSERT INTO trade_data VALUES ('binance', 'BTC', 'BTC/USDT', %s, %s, 1, 'buy', %s, %s),"
        " ('binance', 'BTC', 'BTC/EUR', '9', 5, 1, 'buy', now(), now())"
    )
    made.database.run(insert, "1", 42.0, NOW - 40 * DAY, NOW)
    assert get(made(), f"{API}/prix/btc/temps_reel/")["price_usd"] == 42.0


def test_a_price_of_the_future_is_not_the_price_now(own: Any) -> None:
    made: Api = own()
    for number, (price, ahead) in enumerate([(1.0, 30 * MINUTE), (2.0, 3 * SECOND), (3.0, -SECOND)]):
        made.database.run(
            "INSERT INTO trade_data VALUES ('binance', 'BTC', 'BTC/USDT', %s, %s, 1, 'buy', %s, %s)",
            str(number),
            price,
            NOW + ahead,
            NOW,
        )
    assert get(made(), f"{API}/prix/btc/temps_reel/")["price_usd"] == 2.0  # clocks of venues may be ahead a little
