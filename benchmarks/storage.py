"""What partitions cost and what compacting them saves, on the local stack's PostgreSQL, in a database of its own.

`python -m benchmarks.storage [ROWS]`, while the stack is up. Upserts are what a JDBC sink sends with
`reWriteBatchedInserts=true`: statements of 128 rows each, 5,000 rows in a transaction; they are rendered before the
clock starts, so that what is measured is PostgreSQL.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import psutil

from stack import database, migrate
from tidemark.settings import Settings, load, settings

_ROUNDS = 3
_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_PAIRS = [f"{symbol}/USDT" for symbol in ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "AVAX", "DOT", "LINK")]
_COLUMNS = ("source", "symbol", "pair", "trade_id", "price", "quantity", "side", "event_time", "ingest_time")
_UPSERT = """
INSERT INTO {} (source, symbol, pair, trade_id, price, quantity, side, event_time, ingest_time) VALUES {}
ON CONFLICT (pair, event_time, source, trade_id) DO UPDATE SET symbol = EXCLUDED.symbol, price = EXCLUDED.price,
quantity = EXCLUDED.quantity, side = EXCLUDED.side, ingest_time = EXCLUDED.ingest_time"""


def trades(count: int, days: int) -> list[tuple[Any, ...]]:
    """Return ``count`` trades of ten pairs over ``days`` days, in order of time but for some seconds."""
    chance = random.Random(1)
    found = []
    for number in range(count):
        pair = chance.choice(_PAIRS)
        at = _START + timedelta(days=days * number / count, seconds=chance.uniform(0, 5))
        price, quantity = round(chance.uniform(1, 1000), 2), round(chance.expovariate(1), 5)
        found.append(("simulator", pair[:3], pair, str(number), price, quantity, "buy", at, at))
    return found


def batches(cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> Iterator[list[str]]:
    """Yield the statements of each transaction."""
    form = f"({', '.join(['%s'] * len(_COLUMNS))})"
    texts = [cursor.mogrify(form, row).decode() for row in rows]
    for first in range(0, len(texts), 5000):
        flush = texts[first : first + 5000]
        yield [_UPSERT.format(table, ", ".join(flush[at : at + 128])) for at in range(0, len(flush), 128)]


def upsert(server: Any, table: str, rows: list[tuple[Any, ...]]) -> tuple[float, float]:
    """Write ``rows``; return how many a second, and the microseconds of processor time that PostgreSQL took for one."""
    backend = psutil.Process(server.info.backend_pid)
    seconds = 0.0
    before = sum(backend.cpu_times()[:2])
    with server.cursor() as cursor:
        for statements in batches(cursor, table, rows):
            start = time.perf_counter()
            for statement in statements:
                cursor.execute(statement)
            server.commit()
            seconds += time.perf_counter() - start
    return len(rows) / seconds, (sum(backend.cpu_times()[:2]) - before) / len(rows) * 1e6


def measure_partitions(server: Any, count: int) -> None:
    """Print what upserts into a plain table and into partitioned ones reach, with new rows and with those again.

    The tables take turns, and what counts is the best of all rounds, since other work may run on the machine.
    """
    tables = {
        "plain table": ("plain", 0, 1),
        "in the default partition": ("by_default", 0, 1),
        "in one of 97 partitions": ("by_day", 97, 1),
        "in 7 of 97 partitions": ("by_days", 97, 7),
    }
    with server, server.cursor() as cursor:
        for table, partitions, _ in tables.values():
            cursor.execute(f"CREATE TABLE {table} (LIKE trade_data INCLUDING ALL)")
            if table != "plain":
                cursor.execute("SELECT storage.partition_by_time(%s, 'event_time', 'day')", (table,))
            for day in range(partitions):
                cursor.execute("SELECT storage.add_partition(%s, %s)", (table, _START + timedelta(days=day)))
    found: dict[str, list[list[tuple[float, float]]]] = {title: [] for title in tables}
    for _ in range(_ROUNDS):
        for title, (table, _partitions, days) in tables.items():
            rows = trades(count, days)
            with server, server.cursor() as cursor:
                cursor.execute(f"TRUNCATE {table}")
            found[title].append([upsert(server, table, rows), upsert(server, table, rows)])
    print(f"{count:,} trades, best of {_ROUNDS} rounds: rows/s and µs of processor time a row; new, then again")
    for title, rounds in found.items():
        best = [(max(r[i][0] for r in rounds), min(r[i][1] for r in rounds)) for i in (0, 1)]
        print(f"  {title:30}", *(f"{rate:10,.0f} {cpu:6.1f}" for rate, cpu in best))


def measure_moves(server: Any, count: int) -> None:
    """Print how long it takes to move a day out of the default partition."""
    rows = trades(count, 1)
    upsert(server, "trade_data", rows)
    start = time.perf_counter()
    with server, server.cursor() as cursor:
        cursor.execute("SELECT storage.add_partition('trade_data', %s)", (_START,))
    print(f"moving {count:,} rows out of the default partition: {time.perf_counter() - start:.1f} s")


def measure_compacting(server: Any) -> None:
    """Print the size of that partition, and the time of two queries, before and after each way of compacting."""
    server.autocommit = True
    name = f"storage.trade_data_{_START:%Y%m%d}"
    with server.cursor() as cursor:
        for way in (
            "",
            f"VACUUM (FREEZE, ANALYZE) {name}",
            f"REINDEX TABLE {name}",
            f"CLUSTER {name} USING trade_data_{_START:%Y%m%d}_pkey",
            f"VACUUM (FREEZE, ANALYZE) {name}",
        ):
            start = time.perf_counter()
            if way:
                cursor.execute(way)
            took = time.perf_counter() - start
            cursor.execute("SELECT pg_table_size(%s), pg_indexes_size(%s)", (name, name))
            table, indexes = (size / 2**20 for size in cursor.fetchone())
            times = []
            for query_name, length in (("mean_price", timedelta(hours=6)), ("traded", timedelta(days=1))):
                query = database.statement(f"bench/{query_name}")
                values = {"pair": "BTC/USDT", "since": _START, "until": _START + length}
                taken = []
                for _ in range(5):
                    start = time.perf_counter()
                    cursor.execute(query, values)
                    taken.append(time.perf_counter() - start)
                times.append(1000 * min(taken))
            print(f"  {way or 'as written':55} {took:5.1f} s, {table:6.0f} + {indexes:4.0f} MiB", end="")
            print(f", a pair's 6 h {times[0]:5.0f} ms, all {times[1]:5.0f} ms")


def main(given: Settings, count: int) -> None:
    """Measure all of it."""
    own = load(data_dir=given.data_dir, postgres={"database": "benchmark_storage"})
    database.drop(own)
    database.make_roles(own)
    migrate.migrate(own)
    server = database.connect(own, "migrator")
    try:
        measure_partitions(server, count)
        measure_moves(server, 10 * count)
        measure_compacting(server)
    finally:
        server.close()
        database.drop(own)


if __name__ == "__main__":
    main(settings(), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
