"""How long it takes: from a trade to PostgreSQL, and from a jump to its alert: `python -m benchmarks.latency`.

Trades are sent at an even rate, each with the time of its sending as event time, and heartbeats as sources send them,
while the jobs `ingest` and `alerts` run. Each second, at some moment of it, one market jumps by 3 %. A trade has
arrived once a query finds it (asked every 20 ms), an alert once a read_committed reader has it. All of it, this program
included, shares the machine's cores.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from random import Random
from threading import Thread
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks import backlog
from benchmarks.world import world
from flink_jobs import cluster, runner
from stack import database
from tidemark import kafka_clients
from tidemark.settings import Settings

_PROBE = 25  # every so many trades, one that is looked for
_JUMP = 1.03
_WARM_UP = 30  # seconds that are not counted
_AFTER = 3  # seconds of trades after the last jump: they move event time on, past the end of its bar
_OVERLAP = 5  # seconds by which one trade may be stored before an earlier one, and both are found
_PATIENCE = 30  # seconds after the last trade


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=int, default=1000, help="trades a second")
    parser.add_argument("--seconds", type=int, default=120, help="as many markets, each of which jumps once")
    arguments = parser.parse_args()
    with world() as settings, _running(settings, "ingest", "alerts"):
        count = arguments.rate * (_WARM_UP + arguments.seconds + _AFTER)
        stored: dict[int, float] = {}
        told: dict[str, float] = {}
        readers = [
            Thread(target=_watch_table, args=(settings, count, arguments.rate, stored), daemon=True),
            Thread(target=_watch_topic, args=(settings, arguments.seconds, told), daemon=True),
        ]
        for reader in readers:
            reader.start()
        jumps = _send(settings, arguments.seconds, arguments.rate)
        for reader in readers:
            reader.join(_PATIENCE)
    table = Table("from", "to", "made", "arrived", "p50", "p99", "longest")
    warm = _WARM_UP * arguments.rate
    table.add_row("trade", "PostgreSQL", *_summary(range(warm, count, _PROBE), stored))
    table.add_row("jump", "alerts topic", *_summary(jumps, {name: told[name] - jumps[name] for name in told}))
    Console().print(table)


@contextmanager
def _running(settings: Settings, *jobs: str) -> Iterator[None]:
    rest = cluster.Rest(settings)
    ids = [runner.submit(settings, job, cluster.client_options(settings)) for job in jobs]
    try:
        while any(rest.get(f"/jobs/{job}")["state"] != "RUNNING" for job in ids):
            time.sleep(0.1)
        yield
    finally:
        for job in ids:
            rest.patch(f"/jobs/{job}?mode=cancel")


def _send(settings: Settings, seconds: int, rate: int) -> dict[str, float]:
    """Send the trades in time; return when (s since 1970) each symbol jumped."""
    sender = backlog.producer(settings)
    chance = Random(1)
    markets = [f"M{number:03d}" for number in range(seconds)]
    prices = dict.fromkeys(markets, 100.0)
    # A bar, and a checkpoint, may be about to end, or have just begun.
    due_to_jump = {(_WARM_UP + second) * rate + chance.randrange(rate): name for second, name in enumerate(markets)}
    heartbeat = round(settings.producers.heartbeat.total_seconds() * rate)
    jumped: dict[str, float] = {}
    began = time.time()
    for number in range((_WARM_UP + seconds + _AFTER) * rate):
        if (wait := began + number / rate - time.time()) > 0.002:
            sender.poll(0)
            time.sleep(wait)
        if number % heartbeat == 0:
            beat = {"source": "bench", "topic": "trades", "event_time": round(time.time() * 1000)}
            sender.produce(settings.topics.heartbeats, orjson.dumps(beat), "bench")
        symbol = due_to_jump.get(number, markets[number % len(markets)])
        if number in due_to_jump:
            prices[symbol] *= _JUMP
            jumped[symbol] = time.time()
        if number % _PROBE == 0:
            _trade(settings, sender, "PROBE", number, 1.0)
        _trade(settings, sender, symbol, number, prices[symbol])
    sender.flush(60)
    return jumped


def _trade(settings: Settings, sender: Any, symbol: str, number: int, price: float) -> None:
    now = round(time.time() * 1000)
    trade = {
        "source": "bench",
        "symbol": symbol,
        "pair": f"{symbol}/USDT",
        "trade_id": str(number),
        "price": price,
        "quantity": 1.0,
        "side": "buy",
        "event_time": now,
        "ingest_time": now,
    }
    sender.produce(settings.topics.trades, orjson.dumps(trade), trade["pair"])


def _watch_table(settings: Settings, count: int, rate: int, arrived: dict[int, float]) -> None:
    """Note by trade how many seconds after its sending it is found first."""
    wanted = len(range(0, count, _PROBE))
    query = database.statement("bench/trades_since")
    server = database.connect(settings, "reader")
    server.autocommit = True
    newest = time.time()
    until = newest + count / rate + _PATIENCE
    with server.cursor() as cursor:
        while len(arrived) < wanted and time.time() < until:
            since = datetime.fromtimestamp(newest - _OVERLAP, timezone.utc)
            cursor.execute(query, {"pair": "PROBE/USDT", "since": since})
            now = time.time()
            for trade_id, event_time in cursor:
                arrived.setdefault(int(trade_id), now - float(event_time))
                newest = max(newest, float(event_time))
            time.sleep(0.02)
    server.close()


def _watch_topic(settings: Settings, seconds: int, arrived: dict[str, float]) -> None:
    """Note by symbol when its first alert is read."""
    reader = kafka_clients.consumer(settings, isolation_level="read_committed", auto_offset_reset="earliest")
    reader.subscribe([settings.topics.alerts])
    until = time.time() + _WARM_UP + seconds + _AFTER + _PATIENCE
    while time.time() < until:
        for messages in reader.poll(timeout_ms=100).values():
            for message in messages:
                alert = orjson.loads(message.value)
                if alert["alert_type"] == "spike":
                    arrived.setdefault(alert["symbol"], time.time())
    reader.close()


def _summary(made: Collection[Any], arrived: dict[Any, float]) -> tuple[str, ...]:
    times = [arrived[key] for key in made if key in arrived]
    cuts = statistics.quantiles(times, n=100, method="inclusive") if len(times) > 1 else [float("nan")] * 99
    shown = (cuts[49], cuts[98], max(times, default=float("nan")))
    return f"{len(made):,}", f"{len(times):,}", *(f"{seconds:.2f} s" for seconds in shown)


if __name__ == "__main__":
    main()
