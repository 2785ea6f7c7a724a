"""How long it takes: from a trade to PostgreSQL, and from a jump to its alert: `python -m benchmarks.latency`.

Trades are sent at an even rate, each with the time of its sending as event time, while the jobs `ingest` and `alerts`
run. Each second one market jumps by 3 %. A trade has arrived once a query finds it (asked every 20 ms), an alert once
a read_committed reader has it. All of it, this program included, shares the machine's cores.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
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

_MARKETS = 60
_PROBE = 25  # every so many trades, one that is looked for
_JUMP = 1.03
_WARM_UP = 20  # seconds that are not counted
_PATIENCE = 30  # seconds after the last trade


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=int, default=1000, help="trades a second")
    parser.add_argument("--seconds", type=int, default=120)
    arguments = parser.parse_args()
    with world() as settings, _running(settings, "ingest", "alerts"):
        count = arguments.rate * (arguments.seconds + _WARM_UP)
        stored: dict[int, float] = {}
        told: dict[str, float] = {}
        readers = [
            Thread(target=_watch_table, args=(settings, count, arguments.rate, stored), daemon=True),
            Thread(target=_watch_topic, args=(settings, arguments.seconds, told), daemon=True),
        ]
        for reader in readers:
            reader.start()
        jumps = _send(settings, count, arguments.rate)
        for reader in readers:
            reader.join(_PATIENCE)
    table = Table("from", "to", "made", "arrived", "p50", "p99", "longest")
    warm = _WARM_UP * arguments.rate
    table.add_row("trade", "PostgreSQL", *_summary(len(range(0, count, _PROBE)), stored, warm))
    table.add_row(
        "jump",
        "alerts topic",
        *_summary(len(jumps), {name: told[name] - at for name, at in jumps.items() if name in told}, 0),
    )
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


def _send(settings: Settings, count: int, rate: int) -> dict[str, float]:
    """Send the trades in time; return when each symbol jumped, which it does once at most."""
    sender = backlog.producer(settings)
    prices = dict.fromkeys((f"M{number:02d}" for number in range(_MARKETS)), 100.0)
    markets = list(prices)
    jumped: dict[str, float] = {}
    began = time.time()
    for number in range(count):
        due = began + number / rate
        if (wait := due - time.time()) > 0.002:
            sender.poll(0)
            time.sleep(wait)
        second = number // rate - _WARM_UP
        if number % rate == 0 and 0 <= second < _MARKETS:
            symbol = markets[second]
            prices[symbol] *= _JUMP
            jumped[symbol] = time.time()
        else:
            symbol = markets[number % _MARKETS]
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
    server = database.connect(settings, "reader")
    server.autocommit = True
    began = time.time()
    with server.cursor() as cursor:
        while len(arrived) < wanted and time.time() < began + count / rate + _PATIENCE:
            cursor.execute(
                "SELECT trade_id, extract(epoch FROM event_time) FROM trade_data"
                " WHERE pair = 'PROBE/USDT' AND event_time >= to_timestamp(%s)",
                (time.time() - _PATIENCE,),
            )
            now = time.time()
            for trade_id, event_time in cursor:
                arrived.setdefault(int(trade_id), now - float(event_time))
            time.sleep(0.02)
    server.close()


def _watch_topic(settings: Settings, seconds: int, arrived: dict[str, float]) -> None:
    """Note by symbol when its first alert is read."""
    reader = kafka_clients.consumer(settings, isolation_level="read_committed", auto_offset_reset="earliest")
    reader.subscribe([settings.topics.alerts])
    until = time.time() + seconds + _WARM_UP + _PATIENCE
    while time.time() < until:
        for messages in reader.poll(timeout_ms=100).values():
            for message in messages:
                alert = orjson.loads(message.value)
                if alert["alert_type"] == "spike":
                    arrived.setdefault(alert["symbol"], time.time())
    reader.close()


def _summary(made: int, arrived: dict[Any, float], warm: int) -> tuple[str, ...]:
    times = sorted(seconds for key, seconds in arrived.items() if not warm or key >= warm)
    cuts = statistics.quantiles(times, n=100) if len(times) > 1 else [float("nan")] * 99
    return f"{made:,}", f"{len(arrived):,}", f"{cuts[49]:.2f} s", f"{cuts[98]:.2f} s", f"{max(times, default=0):.2f} s"


if __name__ == "__main__":
    main()
