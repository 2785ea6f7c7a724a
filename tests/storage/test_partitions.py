"""Partitions: made in place, ahead and out of the default one, dropped when old; while writers write."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from psycopg2 import errors

from stack import database
from stack.maintain import maintain
from tests.storage.conftest import Database
from tidemark.endpoints import Role
from tidemark.errors import UserError

Tables = Callable[..., Database]
NOW = datetime(2026, 3, 15, 10, 30, tzinfo=timezone.utc)
PLAIN = """
CREATE TABLE made (
    pair text, at timestamptz(3) NOT NULL, id bigint, price double precision NOT NULL DEFAULT 1,
    twice text GENERATED ALWAYS AS (pair || pair) STORED, note text CHECK (note <> ''),
    PRIMARY KEY (pair, at, id)
);
CREATE INDEX made_by_price ON made (price) WHERE note IS NULL;
CREATE INDEX made_by_time ON made USING brin (at);
REVOKE DELETE ON made FROM tidemark_writer;
INSERT INTO made (pair, at, id)
SELECT 'BTC', '2026-01-01Z'::timestamptz + n * interval '7 hours', n FROM generate_series(1, 50) n;
"""
UPSERT = """
INSERT INTO trade_data (source, symbol, pair, trade_id, price, quantity, side, event_time, ingest_time) VALUES {}
ON CONFLICT (pair, event_time, source, trade_id) DO UPDATE SET symbol = EXCLUDED.symbol, price = EXCLUDED.price,
quantity = EXCLUDED.quantity, side = EXCLUDED.side, ingest_time = EXCLUDED.ingest_time"""


def trade(number: int, at: datetime, price: float = 1) -> tuple[Any, ...]:
    return ("test", "BTC", "BTC/USDT", str(number), price, 1, "buy", at, at)


def upsert(connection: Any, trades: Iterable[tuple[Any, ...]]) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            UPSERT.format(", ".join(cursor.mogrify(f"({', '.join(['%s'] * 9)})", t).decode() for t in trades))
        )


def partitions(made: Database, table: str) -> list[str]:
    query = "SELECT partition_name FROM storage.partitions WHERE table_name = %s AND from_time IS NOT NULL ORDER BY 1"
    return [name.removeprefix(f"{table}_") for (name,) in made.run(query, table)]


def where(made: Database, table: str = "trade_data") -> Counter[str]:
    """Return the number of rows by partition."""
    rows = made.run(f"SELECT relname FROM {table} JOIN pg_class ON pg_class.oid = {table}.tableoid")
    return Counter(name.removeprefix(f"{table}_") for (name,) in rows)


def test_a_plain_table_is_converted_with_all_it_has(tables: Tables) -> None:
    made = tables()
    made.run(PLAIN)

    def shape() -> list[list[tuple[Any, ...]]]:
        return [
            made.run(
                "SELECT attname, attnotnull, attgenerated, format_type(atttypid, atttypmod),"
                " pg_get_expr(adbin, adrelid)"
                " FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
                " WHERE attrelid = 'made'::regclass AND attnum > 0 ORDER BY attnum"
            ),
            made.run(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid = 'made'::regclass ORDER BY conname"
            ),
            made.run(
                "SELECT indexname, replace(indexdef, ' ONLY ', ' ') FROM pg_indexes WHERE tablename = 'made' ORDER BY 1"
            ),
            made.run("SELECT aclexplode(relacl)::text FROM pg_class WHERE oid = 'made'::regclass ORDER BY 1"),
            made.run("SELECT * FROM made ORDER BY id"),
        ]

    before = shape()
    made.run("SELECT storage.partition_by_time('made', 'at', 'week')")
    assert shape() == before
    assert made.run("SELECT relkind FROM pg_class WHERE oid = 'made'::regclass") == [("p",)]

    maintain(made.settings, now=NOW)
    assert shape() == before
    assert partitions(made, "made") == ["20251229", "20260105", "20260112", "20260309", "20260316"]
    assert where(made, "made") == {"20251229": 13, "20260105": 24, "20260112": 13}
    with pytest.raises(errors.CheckViolation):
        made.run("INSERT INTO made (pair, at, id, note) VALUES ('BTC', '2026-01-01Z', 1, '')", role="writer")
    with pytest.raises(errors.UniqueViolation):
        made.run("INSERT INTO made (pair, at, id) VALUES ('BTC', '2026-01-01 07:00Z', 1)", role="writer")


@pytest.mark.parametrize(
    "more",
    [
        "CREATE VIEW looks AS SELECT * FROM made",
        "CREATE TABLE child (pair text, at timestamptz, id bigint, FOREIGN KEY (pair, at, id) REFERENCES made)",
    ],
)
def test_a_table_that_something_hangs_on_is_not_converted(tables: Tables, more: str) -> None:
    made = tables()
    made.run(PLAIN + more)
    with pytest.raises(errors.RaiseException, match="would be left behind"):
        made.run("SELECT storage.partition_by_time('made', 'at', 'week')")
    assert made.run("SELECT count(*) FROM made") == [(50,)]


def test_every_table_has_a_policy_and_what_is_partitioned_has_its_time_in_the_key(tables: Tables) -> None:
    made = tables()
    policies = {
        name: (column, kept)
        for name, column, kept in made.run("SELECT table_name, time_column, kept FROM storage.policies")
    }
    assert policies.keys() == set(database.count(made.settings))
    kinds = dict(made.run("SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
    for name, (column, kept) in policies.items():
        assert kinds[name] == ("p" if kept == "partitions" else "r"), name
        assert made.run("SELECT 1 FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s", name, column)


def test_partitions_are_made_ahead_and_rows_of_other_times_get_theirs(tables: Tables) -> None:
    made = tables(storage={"retention": "60d", "ahead": "2d"})
    times = [NOW, NOW - timedelta(days=40), NOW - timedelta(days=40, hours=11), NOW + timedelta(days=30)]
    upsert(made.session(), [trade(number, at) for number, at in enumerate(times)])
    assert where(made) == {"default": 4}

    said: list[str] = []
    maintain(made.settings, said.append, now=NOW)
    assert partitions(made, "trade_data") == ["20260202", "20260203", "20260315", "20260316", "20260317", "20260414"]
    assert where(made) == {"20260202": 1, "20260203": 1, "20260315": 1, "20260414": 1}
    assert "trade_data: make 6 partitions of a day, and move 4 rows into them" in said
    assert partitions(made, "data_quality") == ["20260301"]
    assert partitions(made, "candles") == ["20260309", "20260316"]

    upsert(made.session(), [trade(number, at, price=2) for number, at in enumerate(times)])
    assert [price for (price,) in made.run("SELECT price FROM trade_data")] == [2] * 4
    said.clear()
    maintain(made.settings, said.append, now=NOW)
    assert said == []


def test_what_is_old_is_dropped_and_nothing_else(tables: Tables) -> None:
    made = tables(storage={"retention": "30d"})
    days = [NOW - timedelta(days=age) for age in (0, 5, 29, 30, 31, 32, 2000)]
    article = "INSERT INTO article_data VALUES (%s,'t','u','w','s','BTC',DEFAULT,1,1,'l','rss',%s,%s)"
    for number, at in enumerate(days):
        upsert(made.session(), [trade(number, at)])
        made.run(article, str(number), at, at, role="writer")
        made.run("INSERT INTO macro_data VALUES (%s, 1, %s, 'daily', %s)", "DFF", at, at, role="writer")
    # As if it had run on each day: those that are old now have partitions by then.
    maintain(made.settings, now=NOW - timedelta(days=20))
    assert where(made)["20260212"] == 1

    maintain(made.settings, dry_run=True, now=NOW)
    assert where(made)["20260212"] == 1
    maintain(made.settings, now=NOW)
    kept = [(str(number),) for number in range(4)]
    assert made.run("SELECT trade_id FROM trade_data ORDER BY 1") == kept
    assert made.run("SELECT id FROM article_data ORDER BY 1") == kept
    assert len(made.run("SELECT 1 FROM macro_data")) == len(days)
    assert [day for day in partitions(made, "trade_data") if day < "20260213"] == []

    upsert(made.session(), [trade(9, days[-1])])  # rows of any time are taken, until the next run
    assert made.run("SELECT count(*) FROM trade_data") == [(5,)]
    maintain(made.settings, now=NOW)
    assert made.run("SELECT trade_id FROM trade_data ORDER BY 1") == kept


def test_a_dry_run_says_what_a_run_then_does_and_changes_nothing(tables: Tables) -> None:
    made = tables(storage={"retention": "30d", "compact_after": "3d"})
    upsert(made.session(), [trade(age, NOW - timedelta(days=age)) for age in (0, 5, 29, 31)])
    would: list[str] = []
    said: list[str] = []
    maintain(made.settings, would.append, dry_run=True, now=NOW)
    assert where(made) == {"default": 4}
    assert made.run("SELECT count(*) FROM storage.last_runs") == [(0,)]
    maintain(made.settings, said.append, now=NOW)
    assert [line for line in said if "compact" not in line] == [line.removeprefix("would: ") for line in would]


def test_old_partitions_are_made_compact_once(tables: Tables) -> None:
    made = tables(storage={"compact_after": "3d"})
    upsert(made.session(), [trade(n, NOW - timedelta(days=age, seconds=n)) for age in (0, 5) for n in range(100)])
    said: list[str] = []
    maintain(made.settings, said.append, now=NOW)
    assert [line for line in said if "compact" in line] == [
        "trade_data: make the partition trade_data_20260310 compact"
    ]
    order = made.run("SELECT event_time FROM trade_data WHERE event_time < %s", NOW - timedelta(days=4))
    assert order == sorted(order)
    assert len(order) == 100
    said.clear()
    maintain(made.settings, said.append, now=NOW)
    assert said == []


def test_the_roles_have_what_they_need_and_no_more(tables: Tables) -> None:
    made = tables()
    upsert(made.session(), [trade(1, NOW)])
    maintain(made.settings, now=NOW)
    upsert(made.session(), [trade(1, NOW), trade(2, NOW)])
    made.run("UPDATE trade_data SET price = 3 WHERE trade_id = '2'", role="writer")
    made.run("DELETE FROM trade_data WHERE trade_id = '1'", role="writer")
    assert made.run("SELECT trade_id, price FROM trade_data", role="reader") == [("2", 3.0)]
    refused: dict[Role, list[str]] = {
        "writer": [
            "DROP TABLE trade_data",
            "DROP TABLE storage.trade_data_20260315",
            "ALTER TABLE trade_data DETACH PARTITION storage.trade_data_20260315",
            "ALTER TABLE trade_data ADD COLUMN more text",
            "TRUNCATE trade_data",
            "SELECT * FROM storage.trade_data_20260315",
            "INSERT INTO storage.touched_hours VALUES ('ticker_data', now())",
            "UPDATE storage.policies SET kept = 'forever'",
            "SELECT storage.add_partition('trade_data', '2021-01-01Z')",
            "CREATE TABLE public.more (id int)",
            "DELETE FROM ticker_ohlc_hourly",
        ],
        "reader": [
            "INSERT INTO trade_data SELECT * FROM trade_data",
            "DELETE FROM storage.trade_data_20260315",
            "SELECT * FROM storage.trade_data_20260315",
            "UPDATE storage.policies SET kept = 'forever'",
            "SELECT storage.add_partition('trade_data', '2021-01-01Z')",
        ],
    }
    for role, statements in refused.items():
        for statement in statements:
            with pytest.raises(errors.InsufficientPrivilege):
                made.run(statement, role=role)


def test_writers_go_on_while_it_runs_and_nothing_is_lost_or_doubled(tables: Tables) -> None:
    """Each writer upserts the same trades of many days again and again, as jobs do that start over."""
    made = tables(storage={"retention": "3650d", "compact_after": "1d"})
    days = 12
    rounds = 0
    failures: list[BaseException] = []
    stop = threading.Event()

    def write(seed: int) -> None:
        nonlocal rounds
        connection = made.session()
        try:
            while not stop.is_set():
                order = range(days) if seed % 2 else reversed(range(days))
                trades = [
                    trade(10_000 * seed + number, NOW - timedelta(days=day, seconds=number), price=seed)
                    for day in order
                    for number in range(40)
                ]
                for first in range(0, len(trades), 100):
                    upsert(connection, trades[first : first + 100])
                rounds += 1
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for writer in writers:
        writer.start()
    said: list[str] = []
    try:
        for late in range(4):
            maintain(made.settings, said.append, now=NOW + timedelta(days=2 * late))
    finally:
        stop.set()
        for writer in writers:
            writer.join(60)
    assert failures == []
    assert rounds >= len(writers)
    assert not [line for line in said if "in use" in line]
    maintain(made.settings, now=NOW)
    assert where(made)["default"] == 0
    rows = made.run("SELECT trade_id, event_time, price FROM trade_data")
    assert Counter(rows) == Counter(
        (str(10_000 * seed + number), NOW - timedelta(days=day, seconds=number), float(seed))
        for seed in range(3)
        for day in range(days)
        for number in range(40)
    )


def test_a_table_that_is_in_use_is_left_to_the_next_run(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.maintain._LOCK_MS", 50)
    monkeypatch.setattr("stack.maintain._PAUSE", 0)
    made = tables()
    reader = made.session("reader")
    with reader.cursor() as cursor:
        cursor.execute("SELECT * FROM trade_data")
        said: list[str] = []
        maintain(made.settings, said.append, now=NOW)
        assert "trade_data is in use: what could not be done is left to the next run" in said
        assert partitions(made, "trade_data") == []
        assert partitions(made, "candles") != []
        assert made.run("SELECT failed, result LIKE '%%in use%%: trade_data' FROM storage.last_runs") == [(True, True)]
    reader.rollback()
    maintain(made.settings, now=NOW)
    assert partitions(made, "trade_data") != []
    assert made.run("SELECT failed FROM storage.last_runs") == [(False,)]


def test_two_runs_take_turns(tables: Tables) -> None:
    made = tables()
    other = made.session("migrator")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7443212)")
    said: list[str] = []
    waited = threading.Event()

    def report(text: str) -> None:
        said.append(text)
        waited.set()

    run = threading.Thread(target=maintain, args=(made.settings, report))
    run.start()
    assert waited.wait(30)
    assert said == ["Another maintenance is at work; waiting for it"]
    other.close()
    run.join(60)
    assert not run.is_alive()
    assert made.run("SELECT failed FROM storage.last_runs") == [(False,)]


def test_a_database_that_is_not_up_to_date_is_said_so(empty: Tables) -> None:
    with pytest.raises(UserError, match="not up to date"):
        maintain(empty().settings)
