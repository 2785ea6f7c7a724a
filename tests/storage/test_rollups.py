"""The hourly rollups: only what was written to is computed, and they equal what a computation of everything gives."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest

from stack.maintain import maintain, refresh_rollups
from tests.storage.conftest import Database

Tables = Callable[..., Database]
NOW = datetime(2026, 3, 15, 10, 30, tzinfo=timezone.utc)
TICKER = """
INSERT INTO ticker_data (source, symbol, pair, last, event_time, ingest_time) VALUES (%s, %s, %s, %s, %s, now())
ON CONFLICT (pair, event_time, source) DO UPDATE SET last = EXCLUDED.last"""
SENTIMENT = """
INSERT INTO sentiment_data VALUES (%s, %s, %s, %s, 'neutral', 1, %s, 'test')
ON CONFLICT (crypto_symbol, window_start) DO UPDATE
SET sentiment_score = EXCLUDED.sentiment_score, article_count = EXCLUDED.article_count"""


def ticker(made: Database, at: datetime, last: float, pair: str = "BTC/USD", source: str = "kraken") -> None:
    made.run(TICKER, source, pair[:3], pair, last, at, role="writer")


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def tickers_by_hour(made: Database) -> set[tuple[Any, ...]]:
    groups: dict[Any, list[tuple[datetime, float]]] = defaultdict(list)
    for source, symbol, pair, at, last in made.run("SELECT source, symbol, pair, event_time, last FROM ticker_data"):
        groups[source, symbol, pair, hour_of(at)].append((at, last))
    found = set()
    for key, rows in groups.items():
        prices = [last for _, last in sorted(rows)]
        found.add((*key, prices[0], max(prices), min(prices), prices[-1], len(prices)))
    return found


def sentiment_by_hour(made: Database) -> set[tuple[Any, ...]]:
    groups: dict[Any, list[tuple[float, int]]] = defaultdict(list)
    query = "SELECT crypto_symbol, window_start, sentiment_score, article_count FROM sentiment_data"
    for symbol, start, score, count in made.run(query):
        groups[symbol, hour_of(start)].append((score, count))
    found = set()
    for key, rows in groups.items():
        articles = sum(count for _, count in rows)
        mean = sum(Fraction(str(score)) * count for score, count in rows) / articles
        scores = [score for score, _ in rows]
        found.add((*key, round(float(mean), 12), min(scores), max(scores), articles))
    return found


def rollups(made: Database) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    tickers = made.run("SELECT * FROM ticker_ohlc_hourly", role="reader")
    moods = made.run("SELECT * FROM sentiment_hourly", role="reader")
    return set(tickers), {(symbol, hour, round(score, 12), *rest) for symbol, hour, score, *rest in moods}


@pytest.mark.parametrize("seed", range(3))
def test_rollups_equal_a_computation_of_everything_whatever_is_written(tables: Tables, seed: int) -> None:
    made = tables(storage={"retention": "3650d"})
    chance = random.Random(seed)

    def moment() -> datetime:
        return NOW - timedelta(minutes=chance.randrange(60 * 60))

    for batch in range(8):
        with made.session() as connection, connection.cursor() as cursor:
            for _ in range(chance.randrange(60)):
                pair = chance.choice(("BTC/USD", "ETH/USD"))
                source = chance.choice(("kraken", "other"))
                cursor.execute(TICKER, (source, pair[:3], pair, chance.randrange(9), moment()))
            for _ in range(chance.randrange(30)):
                at, symbol = moment(), chance.choice(("BTC", "ETH"))
                cursor.execute(SENTIMENT, (symbol, at, at, chance.randrange(99) / 100, chance.randrange(1, 9)))
            for _ in range(2):
                cursor.execute("DELETE FROM ticker_data WHERE event_time BETWEEN %s AND %s", (moment(), moment()))
                cursor.execute("DELETE FROM sentiment_data WHERE article_count = %s", (chance.randrange(9),))
                cursor.execute(
                    "UPDATE sentiment_data SET sentiment_score = 1 - sentiment_score WHERE article_count = 2"
                )
            # To another hour, and a moment that no other row has.
            cursor.execute(
                "UPDATE ticker_data SET event_time = event_time - interval '1 hour' - %s * interval '1 ms'"
                " WHERE last = 8",
                (2**batch,),
            )
        if chance.random() < 0.5:
            refresh_rollups(made.settings)
        else:
            maintain(made.settings, now=NOW)  # which also moves the rows between partitions
        assert rollups(made) == (tickers_by_hour(made), sentiment_by_hour(made))


def test_only_hours_that_were_written_to_are_computed(tables: Tables) -> None:
    made = tables(storage={"retention": "3650d"})
    for hours in range(5):
        ticker(made, NOW - timedelta(hours=hours), hours)
    said: list[str] = []
    maintain(made.settings, said.append, now=NOW)
    assert "ticker_ohlc_hourly: compute 5 hours that were written to" in said
    versions = dict(made.run("SELECT hour_start, xmin::text FROM ticker_ohlc_hourly"))
    ticker(made, NOW - timedelta(hours=2, minutes=1), 7)
    said.clear()
    maintain(made.settings, said.append, now=NOW)
    assert said == ["ticker_ohlc_hourly: compute 1 hours that were written to"]
    changed = dict(made.run("SELECT hour_start, xmin::text FROM ticker_ohlc_hourly")).items() - versions.items()
    assert [hour for hour, _ in changed] == [hour_of(NOW - timedelta(hours=2))]


def test_a_row_that_is_committed_after_the_computation_is_in_the_next_one(tables: Tables) -> None:
    made = tables(storage={"retention": "3650d"})
    ticker(made, NOW, 1)
    with made.session() as writer, writer.cursor() as cursor:
        cursor.execute(TICKER, ("kraken", "BTC", "BTC/USD", 5, NOW + timedelta(minutes=1)))
        refresh_rollups(made.settings)
        assert made.run("SELECT close, ticker_count FROM ticker_ohlc_hourly") == [(1.0, 1)]
    refresh_rollups(made.settings)
    assert made.run("SELECT close, ticker_count FROM ticker_ohlc_hourly") == [(5.0, 2)]


def test_the_rollup_of_an_hour_outlives_its_rows(tables: Tables) -> None:
    made = tables(storage={"retention": "30d"})
    old = NOW - timedelta(days=40)
    ticker(made, old, 3)
    ticker(made, NOW, 4)
    maintain(made.settings, now=NOW)
    assert made.run("SELECT last FROM ticker_data") == [(4.0,)]
    ticker(made, old + timedelta(minutes=1), 9)  # alone it would not be that hour
    maintain(made.settings, now=NOW)
    kept = made.run("SELECT hour_start, close FROM ticker_ohlc_hourly ORDER BY 1")
    assert kept == [(hour_of(old), 3.0), (hour_of(NOW), 4.0)]
    assert made.run("SELECT count(*) FROM storage.touched_hours") == [(0,)]
