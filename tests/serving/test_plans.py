"""Every query of the API is served by an index: no plan reads a whole partition that has many rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from serving.database import statement
from stack.maintain import maintain
from tests.serving.conftest import Api
from tests.serving.market import DAY, HOUR, MINUTE, NOW
from tests.storage.conftest import Database
from tidemark.endpoints import Role
from tidemark.paths import POSTGRES_SQL
from tidemark.settings import Settings

_MANY = 1000  # rows
_FILL = """
INSERT INTO trade_data SELECT 'binance', p, p || '/USDT', n::text, n, 1, 'buy', at, at FROM rows;
INSERT INTO ticker_data SELECT 'kraken', p, p || '/USD', n, n, n, n, 0, at, at FROM rows;
INSERT INTO price_data SELECT 'id-' || p, p, p, 'coingecko', n, n, n, 0, 0, 0, n, n, n, at, at FROM rows;
INSERT INTO price_hourly SELECT 'coingecko', 'id-' || p, p, h, 1, 1, 1, 60 FROM hours;
INSERT INTO candles SELECT 'binance', p, p || '/USDT', '1m', at, at, 1, 1, 1, 1, 1, 1, 1, 1 FROM rows;
INSERT INTO candles SELECT 'binance', p, p || '/USDT', '5m', at, at, 1, 1, 1, 1, 1, 1, 1, 1 FROM rows;
INSERT INTO sentiment_data SELECT p, at, at, 0.5, 'neutral', 1, 1, 'x' FROM rows;
INSERT INTO ticker_ohlc_hourly SELECT 'kraken', p, p || '/USD', h, 1, 1, 1, 1, 9 FROM hours ON CONFLICT DO NOTHING;
INSERT INTO sentiment_hourly SELECT p, h, 0.5, 0.5, 0.5, 9 FROM hours ON CONFLICT DO NOTHING;
INSERT INTO prediction_data SELECT 'binance', p, p || '/USDT', m, at, at, 1, 1, 1, 1, 1, 1, 1, 1, at
    FROM rows, models;
INSERT INTO prediction_score SELECT 'binance', p, p || '/USDT', m, '1h', at, at, 1, 1, 1, 1, 1 FROM rows, models;
INSERT INTO article_data (id, title, url, website, summary, cryptocurrencies_mentioned, sentiment_score,
    sentiment_polarity, sentiment_label, source, event_time, ingest_time)
    SELECT md5(n::text), 't', 'u', 'w', 's', p, 0.5, 0, 'neutral', 'rss', at, at FROM rows;
INSERT INTO alert_data SELECT md5(n::text), 'spike', p, p || '/USDT', 1, 1, 1, 'info', 'd', at, at FROM rows;
INSERT INTO news_impact
    SELECT md5(n::text), p, 'binance', p || '/USDT', at, 60, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 6, 6, 60, 1 FROM rows;
INSERT INTO ranking_24h SELECT 'coingecko', p, p, date_trunc('minute', at), 1, 1, 1 FROM rows ON CONFLICT DO NOTHING;
INSERT INTO data_quality SELECT 'trades', p, date_trunc('minute', at), 1, 1, 1, 1, 1, 1, 1, 1 FROM rows
    ON CONFLICT DO NOTHING;
INSERT INTO feed_gaps
    SELECT 'binance', p || '/USDT', n, n, 1, 0, CASE n % 50 WHEN 0 THEN 'open' ELSE 'closed' END, at, at FROM rows;
INSERT INTO market_sentiment_data SELECT 'alternative.me', 50, 'Neutral', at FROM rows;
INSERT INTO macro_data SELECT p || n, 1, h::date, 'daily', h::date FROM hours, generate_series(1, 9) n
    ON CONFLICT DO NOTHING;
INSERT INTO volume_daily SELECT 'binance', p || n, p || n || '/USDT', h::date, 1, 1, 1, 1
    FROM hours, generate_series(1, 9) n ON CONFLICT DO NOTHING;
"""
_ROWS = """
CREATE TEMPORARY TABLE rows AS
SELECT n, (ARRAY['BTC', 'ETH', 'SOL', 'XRP', 'ADA', 'DOT', 'BNB', 'TRX', 'LTC', 'UNI'])[1 + n %% 10] AS p,
    date_trunc('milliseconds', %s::timestamptz - n * interval '29 seconds') AS at
FROM generate_series(1, 12000) AS n;
CREATE TEMPORARY TABLE models AS SELECT unnest(ARRAY['a', 'b', 'c']) AS m;
CREATE TEMPORARY TABLE hours AS
SELECT p, date_trunc('hour', %s::timestamptz) - back * interval '1 hour' AS h
FROM rows, generate_series(1, 800) AS back WHERE n <= 10;
"""

_RANGE = {"start": NOW - DAY, "last": NOW, "rows": 101}
_SOURCES = {"source": None, "after_source": ""}
QUERIES: dict[str, dict[str, Any]] = {
    "trades": {"pair": "BTC/USDT", "after_id": "", **_SOURCES, **_RANGE},
    "tickers": {"pair": "BTC/USD", **_SOURCES, **_RANGE},
    "ticker_minutes": {"pair": "BTC/USD", **_SOURCES, **_RANGE},
    "ticker_hours": {"pair": "BTC/USD", "recent": NOW - HOUR, **_SOURCES, **_RANGE, "start": NOW - 30 * DAY},
    "prices": {"symbol": "BTC", "after_id": "", **_SOURCES, **_RANGE},
    "price_hours": {"symbol": "BTC", "after_id": "", **_SOURCES, **_RANGE, "start": NOW - 30 * DAY},
    "last_prices": {"symbol": "BTC", "pairs": ["BTC/USD", "BTC/USDT"], "since": NOW - DAY, "until": NOW},
    "sentiment": {"symbol": "BTC", **_RANGE},
    "sentiment_hours": {"symbol": "BTC", "recent": NOW - HOUR, "positive": 0.6, "negative": 0.4, **_RANGE},
    "candles": {"pair": "BTC/USDT", "resolution": "1m", **_SOURCES, **_RANGE},
    "predictions": {
        "symbol": "BTC",
        "after_pair": "",
        "after_model": "",
        "after_source": "",
        "model": None,
        "pair": None,
        **_RANGE,
    },
    "last_predictions": {"symbol": "BTC", "since": NOW - 2 * DAY},
    "last_scores": {"symbol": "BTC", "since": NOW - HOUR},
    "articles": {"symbol": None, "label": None, "after_id": "", **_RANGE},
    "articles of a coin": {"symbol": "BTC", "label": None, "after_id": "", **_RANGE},
    "alerts": {
        "symbol": None,
        "pair": None,
        "type": None,
        "severity": None,
        "change": None,
        "after_id": "",
        **_RANGE,
    },
    "impact": {
        "symbol": None,
        "pair": None,
        "horizon": None,
        "article": None,
        "score": None,
        "after_symbol": "",
        "after_id": "",
        "after_pair": "",
        "after_source": "",
        "after_horizon": 0,
        **_RANGE,
    },
    "ranking": {"since": NOW - 31 * DAY, "source": None, "places": 100},
    "feeds": {"start": NOW - HOUR, "last": NOW},
    "open_gaps": {"last": NOW, "rows": 100},
    "coins": {"since": NOW - 2 * DAY},
    "pairs": {"since": NOW.replace(hour=0, minute=0, second=0, microsecond=0) - DAY},
    "pair_exists": {"pair": "BTC/USDT"},
    "pair_exists of none": {"pair": "BTC/EUR"},
    "market_sentiment": {"after_source": "", **_RANGE},
    "macro": {"indicator": None, "after_indicator": "", **_RANGE},
    "volumes": {"pair": "BTC1/USDT", **_SOURCES, **_RANGE},
}
# Of the API's own tables, which are short, or are read by their key.
_SHORT = {
    "crypto_config",
    "set_crypto_config",
    "note_write",
    "audit_log",
    "notifications",
    "api_key",
    "api_keys",
    "add_api_key",
    "revoke_api_key",
}


@pytest.fixture(scope="module")
def many(server: Settings) -> Database:
    """Return a database with some ten thousand rows in each table, in partitions as they are kept."""
    made = Database(server)
    made.migrate()
    with closing(made.session("migrator")) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_ROWS, (NOW, NOW))
        cursor.execute(_FILL)
    maintain(made.settings, now=NOW)
    with closing(made.session("migrator")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return made


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def explain(made: Database, query: str, values: dict[str, Any], options: str = "FORMAT JSON") -> Any:
    """Return the plan of a query, as the role that runs it."""
    text = f"EXPLAIN ({options}) {statement(query.partition(' ')[0]).decode()}"
    with closing(made.session("reader")) as connection, connection, connection.cursor() as cursor:
        cursor.execute(text, values)
        ((found,),) = cursor.fetchall()
        return found[0]["Plan"]


@pytest.mark.parametrize("query", QUERIES)
def test_an_index_serves_it(many: Database, query: str) -> None:
    rows = dict(many.run("SELECT relname, reltuples FROM pg_class WHERE relkind = 'r'"))
    plan = list(nodes(explain(many, query, QUERIES[query])))
    read = [node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"]
    assert [table for table in read if rows[table] > _MANY] == []
    assert any("Index" in node["Node Type"] for node in plan)


@pytest.mark.parametrize("query", ["trades", "tickers", "candles", "prices", "predictions", "alerts", "articles"])
def test_a_page_costs_as_much_at_the_end_as_at_the_beginning(many: Database, query: str) -> None:
    """Since it begins where the last one ended: what is read of the table is a page, wherever it lies."""
    for back in (timedelta(0), 2 * DAY):
        values = {**QUERIES[query], "start": NOW - 4 * DAY, "last": NOW - back}
        plan = explain(many, query, values, "ANALYZE, BUFFERS, FORMAT JSON")
        assert plan["Actual Rows"] == values["rows"]
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 250


def test_only_the_partitions_of_the_range_are_read(many: Database) -> None:
    for query in ("trades", "tickers", "ticker_minutes"):
        plan = explain(many, query, {**QUERIES[query], "start": NOW - MINUTE})
        tables = {node["Relation Name"] for node in nodes(plan) if "Relation Name" in node}
        assert len(tables) == 1, tables


def test_every_query_is_looked_at() -> None:
    files = {path.stem for path in (POSTGRES_SQL / "api").glob("*.sql")}
    assert files == {query.partition(" ")[0] for query in QUERIES} | _SHORT


def test_a_query_that_takes_too_long_is_given_up(own: Callable[..., Api], monkeypatch: pytest.MonkeyPatch) -> None:
    made = own()
    api = made(statement_timeout="50ms")
    monkeypatch.setattr("serving.database.statement", lambda name: b"SELECT pg_sleep(30)")
    began = time.monotonic()
    answer = api.get("/api/v1/macro/")
    assert time.monotonic() - began < 10
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "shorter range" in answer.json()["hint"]


def test_the_api_goes_on_when_the_server_ends_its_connections(own: Callable[..., Api]) -> None:
    made = own()
    api = made(connections=3)
    assert api.get("/api/v1/macro/").status_code == 200
    for days in range(1, 4):
        roles: tuple[Role, ...] = ("reader", "api")  # each may end its own
        for role in roles:
            made.database.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'tidemark api' AND usename = current_user",
                role=role,
            )
        assert api.get(f"/api/v1/macro/?date_debut=2026-01-0{days}").status_code == 200
