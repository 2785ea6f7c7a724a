"""The lake, read by PyIceberg and DuckDB, against PostgreSQL; and runs over history against those over streams."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg2.errors
import pytest

from flink_jobs import cluster, iceberg, runner
from flink_jobs.sql_files import SqlFile, lake_tables
from flink_jobs.variables import Batch
from producers.market import MINUTE, Market, MarketConfig
from stack import database, maintain, upkeep
from tests import lake
from tests.sql import oracle
from tests.sql.inputs import START, article, mood, observation, price
from tests.world import Row, World
from tidemark.errors import UserError

pytestmark = pytest.mark.stack

CONFIG = MarketConfig(START, minutes=6, seed=3, trades_per_second=0.5, coins=3, duplicates=0.05, late=0, malformed=0.02)
STREAMED = {
    "ingest": (*("trade_data", "ticker_data", "price_data", "article_data", "market_sentiment_data", "macro_data"),),
    "enrich": ("enriched_trades", "news_impact"),
    "analytics": (
        *("candles", "volume_daily", "price_stats", "price_hourly", "ranking_24h", "sentiment_data"),
        *("prediction_data", "prediction_score"),
    ),
}
TABLES = sum(STREAMED.values(), ())
# The time that says whether a row is in a range.
TIMES = {
    **dict.fromkeys(("candles", "sentiment_data"), "window_start"),
    **dict.fromkeys(("price_stats", "ranking_24h", "prediction_data", "prediction_score"), "window_end"),
    "volume_daily": "day_start",
    "price_hourly": "hour_start",
}


@pytest.fixture(scope="module")
def world(case: Callable[..., World], tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a world in which the jobs have run over six minutes of a market, so that the lake is full."""
    warehouse = str(tmp_path_factory.mktemp("lake"))
    made = case(
        lake={"enabled": True, "warehouse": warehouse, "checkpoint_interval": "300ms"},
        windows={"news_join_batch": "5m"},  # as in streaming, so that the same must come of it
        macro={"known_after": {"DFF": "7203m", "UNRATE": "45d"}},  # a day's DFF is known from the third minute on
    )
    messages: dict[str, list[Any]] = {}
    for message in Market(CONFIG).messages():
        messages.setdefault(message.topic, []).append(message.value)
    at = START + 3 * MINUTE
    messages.setdefault("articles", []).append(article("lake", at, ["BTC", "NONE"], 0.9, title="A\0 and 'ü'"))
    messages.setdefault("prices", []).append(price("BTC", at, 1.5, market_cap=2e12, change_24h=2.5))
    messages.setdefault("market_sentiment", []).append(mood(at, 12))
    messages.setdefault("macro", []).extend(
        (observation("UNRATE", "1900-01-01", 4.5), observation("DFF", "1954-07-01", 1.13))
    )
    for topic, values in messages.items():
        made.put(topic, values)
    made.run("lake", *STREAMED)
    return made


def stored(world: World) -> dict[str, Counter[Any]]:
    return {table: _counted(world.rows(table)) for table in TABLES}


def _counted(rows: list[Row]) -> Counter[Any]:
    plain = ({name: tuple(value) if isinstance(value, list) else value for name, value in row.items()} for row in rows)
    return Counter(tuple(sorted(row.items())) for row in plain)


@pytest.mark.parametrize(
    ("name", "table", "columns"),
    [
        ("raw.trades", "trade_data", "source symbol pair trade_id price quantity side event_time ingest_time"),
        ("raw.tickers", "ticker_data", "source symbol pair last bid ask volume_24h change_pct event_time ingest_time"),
        (
            "raw.prices",
            "price_data",
            "crypto_id symbol name source price_usd market_cap volume_24h change_1h change_24h change_7d ath atl"
            " circulating_supply event_time ingest_time",
        ),
        ("raw.market_sentiment", "market_sentiment_data", "source value classification event_time"),
        ("raw.macro", "macro_data", "indicator value date frequency event_time"),
        (
            "enriched.trades",
            "enriched_trades",
            "source symbol pair trade_id price quantity side trade_time article_id news_title news_time sentiment"
            " sentiment_label window_start window_end window_5m_start window_5m_end policy_rate macro",
        ),
    ],
)
def test_the_lake_holds_what_postgres_holds(world: World, name: str, table: str, columns: str) -> None:
    """Row by row; a message that was sent twice is in the lake twice."""
    names = columns.split()
    times = [column for column in names if column.endswith(("time", "_start", "_end"))]
    select = ", ".join(f"epoch_ms({name})" if name in times else f'"{name}"' for name in names)
    found = lake.rows(world, name, select)
    assert len(found) >= len(set(found)) > 0
    assert set(found) == {tuple(row[name] for name in names) for row in world.rows(table)}


def test_trades_have_the_economic_values_of_their_minute_in_the_lake_too(world: World) -> None:
    delays = {name: delay // timedelta(milliseconds=1) for name, delay in world.settings.macro.known_after.items()}
    observations = [message.value for message in Market(CONFIG).messages() if message.topic == "macro"]
    expected = set()
    for minute in range(START, START + 6 * MINUTE, MINUTE):
        known = oracle.known_macro(observations, minute, delays)
        expected.add((minute, known["DFF"], json.dumps(known, separators=(",", ":"))))
    assert len({rate for _, rate, _ in expected}) == 2
    assert set(lake.rows(world, "enriched.trades", "epoch_ms(window_start), policy_rate, macro")) == expected


def test_articles_keep_their_lists_and_tone(world: World) -> None:
    found = {
        (id_, title.replace("\0", ""), ",".join(coins), tone["score"], tone["label"], at)
        for id_, title, coins, tone, at in lake.rows(
            world, "raw.articles", "id, title, cryptocurrencies_mentioned, sentiment, epoch_ms(event_time)"
        )
    }
    columns = ("id", "title", "cryptocurrencies_mentioned", "sentiment_score", "sentiment_label", "event_time")
    assert found == {tuple(row[name] for name in columns) for row in world.rows("article_data")}


def test_every_message_is_there_once_by_day_and_pair(world: World) -> None:
    places = lake.rows(world, "raw.trades", "kafka_partition, kafka_offset")
    assert len(places) == len(set(places)) > 500
    spec = lake.table(world, "raw.trades").spec()
    assert [str(field.transform) for field in spec.fields] == ["day", "identity"]
    pairs = {Path(path).parent.name for path in lake.files(world, "raw.trades")}
    assert len(pairs) == 3
    with pytest.raises(UserError, match="once more"):
        world.submit("lake", bounded=True)


def test_the_lakes_role_sees_its_catalog_and_nothing_else(world: World) -> None:
    server = database.connect(world.settings, "lake")
    try:
        with server.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM lake.iceberg_tables")
            assert cursor.fetchone() == (7,)
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SELECT 1 FROM trade_data")
    finally:
        server.close()


def test_batch_gives_what_streaming_gave(world: World) -> None:
    streamed = stored(world)
    assert all(streamed.values())
    database.empty(world.settings)
    for job in STREAMED:
        cluster.run(world.settings, job, Batch("lake"), lambda line: None)
    assert stored(world) == streamed
    for job in ("enrich", "analytics"):
        cluster.run(world.settings, job, Batch("kafka"), lambda line: None)
    assert stored(world) == streamed


def test_news_from_further_away_takes_the_place_of_none(world: World) -> None:
    wide = world.settings.model_copy(deep=True)
    wide.windows.news_join_batch *= 10
    cluster.run(wide, "enrich", Batch("lake"), lambda line: None)
    rows = world.rows("enriched_trades")
    by_trade = groupby(sorted(rows, key=_trade), _trade)
    news = [{row["article_id"] for row in group} for _, group in by_trade]
    assert any(ids != {""} for ids in news)
    assert not any("" in ids and len(ids) > 1 for ids in news)


def _trade(row: Row) -> tuple[Any, ...]:
    return row["pair"], row["trade_time"], row["source"], row["trade_id"]


def test_a_range_is_computed_whole_and_nothing_else_is_touched(world: World) -> None:
    since, until = (datetime.fromtimestamp((START + minute * MINUTE) / 1000, timezone.utc) for minute in (2, 4))
    before = stored(world)
    database.empty(world.settings)
    cluster.run(world.settings, "analytics", Batch("lake", since, until), lambda line: None)
    after = stored(world)
    low, high = START + 2 * MINUTE, START + 4 * MINUTE
    for table in STREAMED["analytics"]:
        assert after[table] == {row: n for row, n in before[table].items() if low <= dict(row)[TIMES[table]] < high}
    assert all(after[table] for table in ("candles", "prediction_data"))


def test_what_is_not_in_batch_is_refused(world: World) -> None:
    for job in ("alerts", "quality", "lake"):
        with pytest.raises(UserError, match=f"Nothing of the job {job} runs in batch"):
            cluster.run(world.settings, job, Batch("lake"), lambda line: None)


def test_upkeep_makes_fewer_files_gives_up_old_states_and_deletes_orphans(world: World) -> None:
    before = {name: lake.rows(world, name) for name in ("raw.trades", "enriched.trades")}
    counts = {state.name: state for state in iceberg.status(world.settings)}
    place = Path(lake.files(world, "raw.trades")[0]).parent
    orphan, young = place / "orphan.parquet", place / "young.parquet"
    for path in (orphan, young):
        path.touch()
    for path in (orphan, *map(Path, lake.files(world, "raw.trades")[:1])):  # one of them is known
        os.utime(path, (0, 0))
    keep_none = world.settings.model_copy(deep=True)
    keep_none.lake.keep_snapshots *= 0
    planned: list[str] = []
    maintain.maintain_lake(keep_none, planned.append, dry_run=True)
    now = counts["raw.trades"]
    assert [text for text in planned if "raw.trades" in text] == [
        f"would: raw.trades: put together {now.files} files into 3, give up {now.snapshots - 1} older states, "
        "delete 1 orphans"
    ]
    assert {state.name: state for state in iceberg.status(world.settings)} == counts
    maintain.maintain_lake(keep_none)
    for state in iceberg.status(world.settings):
        assert state.rows == counts[state.name].rows
        assert state.files <= counts[state.name].files
        assert state.snapshots == 1
    for name, rows in before.items():
        assert Counter(lake.rows(world, name)) == Counter(rows)
        assert len(lake.files(world, name)) == 3  # a day of three pairs
    assert (orphan.exists(), young.exists()) == (False, True)
    (done,) = (run for run in upkeep.last_runs(world.settings) if run["task"] == "lake")
    assert not done["failed"]
    assert "1 orphans deleted" in done["result"]


def test_a_new_column_is_added_and_old_rows_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Counter(lake.rows(world, "raw.macro"))
    assert iceberg.migrate(world.settings) == []

    def widened() -> list[SqlFile]:
        return [
            replace(file, text=file.text.replace("frequency STRING,", "frequency STRING,\n    note STRING,"))
            for file in lake_tables()
        ]

    monkeypatch.setattr(iceberg, "lake_tables", widened)
    assert iceberg.migrate(world.settings) == ["raw.macro has the new columns note"]
    assert iceberg.migrate(world.settings) == []
    assert "note" in lake.table(world, "raw.macro").schema().column_names
    _, found = runner.query(
        world.settings, "SELECT note, `date` FROM lake.`raw`.macro", cluster.client_options(world.settings)
    )
    assert {row[0] for row in found} == {None}
    assert Counter(lake.rows(world, "raw.macro")) == rows
