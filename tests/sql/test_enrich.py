"""Trades with the news around them, against a join in DuckDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import duckdb
import pytest

from tests.sql.conftest import Run
from tests.sql.inputs import MIDDLE, article

pytestmark = pytest.mark.stack


def test_every_trade_meets_the_news_around_it(run: Run) -> None:
    database = duckdb.connect()
    database.execute(
        "CREATE TABLE trades (source TEXT, symbol TEXT, pair TEXT, trade_id TEXT, price DOUBLE, traded BIGINT)"
    )
    database.execute(
        "CREATE TABLE mentions (id TEXT, title TEXT, symbol TEXT, score DOUBLE, label TEXT, published BIGINT)"
    )
    columns = ("source", "symbol", "pair", "trade_id", "price", "event_time")
    trades = [[trade[name] for name in columns] for trade in run.input.sound["trades"]]
    database.execute(
        "INSERT INTO trades SELECT UNNEST(?, max_depth := 2)",
        [
            [
                dict(zip(("source", "symbol", "pair", "trade_id", "price", "traded"), trade, strict=True))
                for trade in trades
            ]
        ],
    )
    database.executemany(
        "INSERT INTO mentions VALUES (?, ?, ?, ?, ?, ?)",
        [
            (a["id"], a["title"], symbol, a["sentiment"]["score"], a["sentiment"]["label"], a["event_time"])
            for a in run.input.sound["articles"]
            for symbol in a["cryptocurrencies_mentioned"]
        ],
    )
    expected = database.execute(
        """
        SELECT t.source, t.symbol, pair, trade_id, price, traded, coalesce(id, ''), title, published, score, label,
            traded // 60000 * 60000, traded // 60000 * 60000 + 60000,
            traded // 300000 * 300000, traded // 300000 * 300000 + 300000
        FROM trades t LEFT JOIN mentions m
            ON m.symbol = t.symbol AND m.published BETWEEN t.traded - 300000 AND t.traded + 300000
        """
    ).fetchall()
    names = (
        *("source", "symbol", "pair", "trade_id", "price", "trade_time", "article_id", "news_title", "news_time"),
        *("sentiment", "sentiment_label", "window_start", "window_end", "window_5m_start", "window_5m_end"),
    )
    found = Counter(tuple(row[name] for name in names) for row in run.world.rows("enriched_trades"))
    assert len(expected) > len(trades) > 30_000
    assert found == Counter(expected)


def test_five_minutes_are_inclusive_and_a_millisecond_more_is_not(runs: Callable[[str], Run]) -> None:
    rows = runs("tidy").world.rows("enriched_trades")
    edge, rim = (article(name, 0, [])["id"] for name in ("edge", "rim"))
    near = {row["trade_time"] - MIDDLE: row["article_id"] for row in rows if row["symbol"] == "EDGE"}
    assert near == {-300_001: "", -300_000: edge, 0: edge, 300_000: edge, 300_001: ""}
    assert {row["article_id"] for row in rows if row["symbol"] == "RIM"} == {edge, rim}
    assert [row["article_id"] for row in rows if row["symbol"] == "LONE"] == [""]
