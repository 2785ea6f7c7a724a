"""Candles, predictions and sentiment against plain Python and DuckDB."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest

from tests.sql import models, oracle
from tests.sql.conftest import Run
from tests.sql.inputs import LATE, MIDDLE
from tests.world import Row

pytestmark = pytest.mark.stack

CANDLE = ("source", "pair", "resolution", "window_start")
MINUTE = 60_000
PREDICTION = ("source", "pair", "model_name", "window_end")


def counted(run: Run) -> list[Row]:
    """Return the trades that are in windows: those that were not late."""
    return [trade for trade in run.input.sound["trades"] if trade["pair"] != LATE]


def in_time(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["pair"] != LATE]


def test_candles_of_every_size_are_exact(run: Run) -> None:
    found = oracle.keyed(in_time(run.world.rows("candles")), *CANDLE)
    expected = [
        row
        for resolution, minutes in (("1m", 1), ("5m", 5), ("1h", 60))
        for row in oracle.candles(counted(run), minutes * MINUTE, resolution)
    ]
    assert found == oracle.keyed(expected, *CANDLE)


def test_predictions_are_those_of_a_walk_over_the_windows(run: Run) -> None:
    agree(in_time(run.world.rows("prediction_data")), models.predictions(counted(run)))


def agree(found: list[Row], expected: list[Row]) -> None:
    """Assert that predictions are as expected: in every digit where that is possible."""
    wanted = oracle.keyed(expected, *PREDICTION)
    assert oracle.keyed(found, *PREDICTION).keys() == wanted.keys()
    for key, row in oracle.keyed(found, *PREDICTION).items():
        expectation = wanted[key]
        low, high = (row.pop(name) for name in ("confidence_interval_low", "confidence_interval_high"))
        price, spread = (expectation.pop(name) for name in ("predicted_price", "spread"))
        predicted = row.pop("predicted_price")
        if key[2] in ("moving_average", "last_price"):
            assert predicted == price, key
        assert predicted == pytest.approx(price, rel=1e-9), key
        for bound, sign in ((low, -1), (high, 1)):
            assert bound == pytest.approx(price + sign * spread, rel=1e-9, abs=1e-7 * spread + 1e-9 * price), key
        scale = 1e-9 * row["max_price"]
        assert row.pop("price_stddev") == pytest.approx(expectation.pop("price_stddev"), rel=1e-9, abs=scale)
        assert row == expectation, key


@pytest.mark.parametrize("table", ["candles", "prediction_data", "sentiment_data", "price_stats", "volume_daily"])
def test_the_order_of_arrival_changes_no_digit(runs: Callable[[str], Run], table: str) -> None:
    tidy, shuffled = (sorted(runs(kind).world.rows(table), key=repr) for kind in ("tidy", "shuffled"))
    assert tidy == shuffled


def test_sentiment_agrees_with_duckdb(run: Run) -> None:
    articles = [
        (article["id"], symbol, article["sentiment"]["score"], article["sentiment"]["label"], article["event_time"])
        for article in run.input.sound["articles"]
        for symbol in article["cryptocurrencies_mentioned"]
    ]
    database = duckdb.connect()
    database.execute("CREATE TABLE mentions (id TEXT, symbol TEXT, score DOUBLE, label TEXT, published BIGINT)")
    database.executemany("INSERT INTO mentions VALUES (?, ?, ?, ?, ?)", articles)
    expected = database.execute(
        """
        WITH windows AS (
            SELECT symbol, published // 180000 * 180000 AS start, list(label) AS labels, fsum(score) / count(*) AS mean
            FROM mentions GROUP BY ALL
        )
        SELECT symbol, start, mean, len(labels),
            CASE WHEN mean > 0.6 THEN 'positive' WHEN mean < 0.4 THEN 'negative' ELSE 'neutral' END AS mood,
            len(list_filter(labels, label -> label = mood)) / len(labels)
        FROM windows
        """
    ).fetchall()
    found = oracle.keyed(run.world.rows("sentiment_data"), "crypto_symbol", "window_start")
    assert len(found) == len(expected) > 20
    for symbol, start, mean, count, mood, confidence in expected:
        row = found[symbol, start]
        assert row["sentiment_score"] == pytest.approx(mean, rel=1e-12)
        assert row["window_end"] == start + 180_000
        assert (row["article_count"], row["sentiment_label"], row["source"]) == (count, mood, "aggregated_articles")
        assert row["confidence"] == confidence


def test_the_edges_of_windows_and_moods(runs: Callable[[str], Run]) -> None:
    rows = {
        row["window_start"] - MIDDLE: row
        for row in runs("tidy").world.rows("candles")
        if (row["symbol"], row["resolution"]) == ("CAND", "1m")
    }
    assert {start: (row["open"], row["close"], row["trade_count"]) for start, row in rows.items()} == {
        0: (1.5, 1.25, 3),
        60_000: (9.75, 9.75, 1),
        300_000: (0.1, 0.1, 1),
    }
    moods = {
        (row["crypto_symbol"], row["window_start"] - MIDDLE): row["sentiment_label"]
        for row in runs("tidy").world.rows("sentiment_data")
    }
    assert moods["MEAN", 0] == "neutral"
    assert moods["SAD", 0] == moods["SAD", 180_000] == "negative"
