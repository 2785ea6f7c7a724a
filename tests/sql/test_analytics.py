"""Candles, predictions and sentiment against plain Python and DuckDB."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest

from tests.sql import oracle
from tests.sql.conftest import Run
from tests.sql.inputs import LATE, MIDDLE
from tests.world import Row

pytestmark = pytest.mark.stack

CANDLE = ("source", "pair", "resolution", "window_start")
PREDICTION = ("source", "pair", "model_name", "window_end")


def counted(run: Run) -> list[Row]:
    """Return the trades that are in windows: those that were not late."""
    return [trade for trade in run.input.sound["trades"] if trade["pair"] != LATE]


def in_time(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["pair"] != LATE]


def test_candles_are_exact(run: Run) -> None:
    found = oracle.keyed(in_time(run.world.rows("candles")), *CANDLE)
    assert found == oracle.keyed(oracle.candles(counted(run)), *CANDLE)


def test_predictions_are_exact_and_their_band_nearly(run: Run) -> None:
    found = oracle.keyed(in_time(run.world.rows("prediction_data")), *PREDICTION)
    expected = oracle.keyed(oracle.predictions(counted(run)), *PREDICTION)
    assert found.keys() == expected.keys()
    for key, row in found.items():
        low, high, spread = (
            row.pop(name) for name in ("confidence_interval_low", "confidence_interval_high", "price_stddev")
        )
        wanted = expected[key].pop("price_stddev")
        assert row == expected[key]
        assert spread == pytest.approx(wanted, rel=1e-9, abs=1e-9 * row["predicted_price"]), key
        assert (low, high) == (row["predicted_price"] - spread, row["predicted_price"] + spread)


@pytest.mark.parametrize("table", ["candles", "prediction_data", "sentiment_data"])
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
    rows = {row["window_start"] - MIDDLE: row for row in runs("tidy").world.rows("candles") if row["symbol"] == "CAND"}
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
