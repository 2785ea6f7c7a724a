"""How fast the API answers, and how soon live clients are told: on a Kafka and a PostgreSQL of its own.

`python -m benchmarks.api rest` and `python -m benchmarks.api live`; `--help` says what can be made smaller. The load
generator is on the same machine, in processes of its own. Every request for history asks for another pair and time, so
that nothing but the latest price comes from the cache.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import psutil
import requests

from producers import contract
from stack import database, local, maintain, ports
from tidemark import kafka_clients
from tidemark.paths import ROOT
from tidemark.settings import Settings, load

_FOLDER = ROOT / ".tidemark-bench-api"
_COINS = ["BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "AVAX", "DOT", "LINK"]
_DAYS = 30  # of trades and tickers; of candles a year
_API = "/api/v1"
_PING = b"\x89\x04"  # of the server's: four bytes. The rest of what it says is ASCII, and its frames are short
_PONG = b"\x8a\x84" + bytes(4)  # masked, as a client has to, with zeros
_SLOW_BYTES = 16_384  # what the kernel takes for one who does not read; left to itself it takes megabytes
_SAMPLE = 20  # live clients that look at each message; the others count them


@contextmanager
def parts(**groups: dict[str, Any]) -> Iterator[Settings]:
    """Run Kafka and PostgreSQL, no Flink, in a folder of their own; delete it at the end."""
    nowhere = {"rest": "127.0.0.1:1"}
    settings = load(data_dir=_FOLDER, flink=nowhere, storage={"retention": "400d"}, api={"enabled": False}, **groups)
    local.up(settings, print, jobs=False)
    try:
        yield settings
    finally:
        local.down(settings)
        shutil.rmtree(_FOLDER, ignore_errors=True)


@contextmanager
def server(settings: Settings) -> Iterator[tuple[str, psutil.Process]]:
    """Run `tidemark api` as users do; give its address and its process."""
    port = ports.any_free()
    command = [sys.executable, "-m", "stack.cli", "api", "--port", str(port)]
    environment = {"TIDEMARK_DATA_DIR": str(settings.data_dir), "TIDEMARK_API__RATE_PER_ADDRESS": "100000000/minute"}
    with (settings.data_dir / "api.log").open("w") as log:
        running = subprocess.Popen(
            command, cwd=ROOT, env={**psutil.Process().environ(), **environment}, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            try:
                if requests.get(f"{address}/healthz", timeout=30).json()["kafka"] == "ok":
                    break
            except (requests.ConnectionError, KeyError):
                pass
            if running.poll() is not None or time.monotonic() > until:
                raise SystemExit((settings.data_dir / "api.log").read_text())
            time.sleep(0.2)
        yield address, psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(30)


def fill(settings: Settings, trades: int) -> datetime:
    """Fill the tables; return up to when there are rows."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    common = {"now": now, "days": _DAYS, "coins": _COINS}
    link = database.connect(settings, "migrator")
    link.autocommit = True
    try:
        with link.cursor() as cursor:
            # One row a day, for which `tidemark maintain` makes the partitions.
            for query, values in (
                ("trades", {"count": _DAYS}),
                ("tickers", {"count": _DAYS}),
                ("candles", {"count": 366, "name": "1d", "step": "1 day"}),
            ):
                cursor.execute(database.statement(f"bench/{query}"), {**common, **values})
            maintain.maintain(settings, lambda text: None)
            cursor.execute(database.statement("bench/empty"))
            for query, values in (
                ("trades", {"count": trades}),
                ("tickers", {"count": max(1, trades // 4)}),
                ("candles", {"count": 365 * 1440, "name": "1m", "step": "1 minute", "coins": _COINS[:1]}),
                ("candles", {"count": 365 * 288, "name": "5m", "step": "5 minutes"}),
                ("candles", {"count": 365 * 24, "name": "1h", "step": "1 hour"}),
            ):
                began = time.monotonic()
                cursor.execute(database.statement(f"bench/{query}"), {**common, **values})
                print(f"{cursor.rowcount:,} {query} in {time.monotonic() - began:.0f} s", flush=True)
            cursor.execute("VACUUM (ANALYZE) trade_data, ticker_data, candles")
    finally:
        link.close()
    return now


def paths(now: datetime) -> dict[str, Callable[[], str]]:
    """Return makers of requests by what they are."""
    chance = random.Random(1)

    def day() -> str:
        end = now - timedelta(seconds=chance.randrange((_DAYS - 1) * 86_400))
        return f"date_debut={end - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}&date_fin={end:%Y-%m-%dT%H:%M:%SZ}"

    def coin() -> str:
        return chance.choice(_COINS)

    return {
        "latest price": lambda: f"{_API}/prix/{coin()}/temps_reel/",
        "trades of a day, 100": lambda: f"{_API}/trade/{coin()}-USDT/historique/?{day()}",
        "tickers of a day by the minute, 100": lambda: f"{_API}/ticker/{coin()}-USD/historique/?{day()}",
        "candles of a day, 100": lambda: f"{_API}/candles/BTC-USDT?{day()}",
        "candles of 30 days by the hour": lambda: (
            f"{_API}/candles/{coin()}-USDT?limit=1000&resolution=1h"
            f"&date_debut={now - timedelta(days=31 + chance.randrange(300)):%Y-%m-%dT%H:%M:%SZ}&periode=30d"
        ),
    }


async def load_rest(address: str, make: Callable[[], str], clients: int, seconds: float) -> tuple[list[float], int]:
    """Ask for ``seconds`` over ``clients`` connections; return the milliseconds of each answer, and how many were not
    200.
    """
    host, _, port = address.partition("://")[2].partition(":")
    taken: list[float] = []
    failed = 0
    until = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(host, int(port))
        while (began := time.perf_counter()) < until:
            writer.write(f"GET {make()} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
            await reader.readexactly(length)
            taken.append(1000 * (time.perf_counter() - began))
            failed += not head.startswith(b"http/1.1 200")
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken, failed


def percentile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` of them lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def rest(trades: int, seconds: float) -> None:
    """Print requests/s, p50 and p99 of each path at 1, 16 and 64 clients."""
    with parts() as settings:
        now = fill(settings, trades)
        with server(settings) as (address, process):
            print("| path | clients | requests/s | p50 ms | p99 ms | API's processor time, ms a request | not 200 |")
            print("| --- | --- | --- | --- | --- | --- | --- |")
            for name, make in paths(now).items():
                for clients in (1, 16, 64):
                    asyncio.run(load_rest(address, make, clients, min(1.0, seconds)))
                    before = sum(process.cpu_times()[:2])
                    taken, failed = asyncio.run(load_rest(address, make, clients, seconds))
                    used = 1000 * (sum(process.cpu_times()[:2]) - before) / max(1, len(taken))
                    rate = len(taken) / seconds
                    figures = f"{rate:,.0f} | {percentile(taken, 0.5):.1f} | {percentile(taken, 0.99):.1f} | {used:.2f}"
                    print(f"| {name} | {clients} | {figures} | {failed} |", flush=True)


class Listener(asyncio.Protocol):
    """A WebSocket's client that counts trades, and of some takes the delay. It opens the connection by itself.

    A library would cost more than the server that is measured.
    """

    def __init__(self, path: str, delays: list[float] | None) -> None:
        self.count = 0
        self.opened = asyncio.get_running_loop().create_future()
        self._path = path
        self._transport: Any = None
        self._delays = delays
        self._rest = b""
        self._is_open = False

    def connection_made(self, transport: Any) -> None:
        """Ask for the WebSocket."""
        self._transport = transport
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Count. What is read in part is looked at again."""
        now = time.time()
        data = self._rest + data
        if not self._is_open:
            if b"\r\n\r\n" not in data:
                self._rest = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                raise SystemExit(data[:200].decode())
            self._is_open = True
            self.opened.set_result(None)
            data = data.partition(b"\r\n\r\n")[2]
        if self._delays is None:
            if (ping := data.find(_PING)) >= 0:
                self._answer(data[ping + 2 : ping + 6])
            self.count += data.count(b'"type":"trade"')
            last = data.rfind(b'"type":"trade"')
            self._rest = data[max(last + 14, len(data) - 13) :] if last >= 0 else data[-13:]
            return
        at = 0
        while len(data) - at >= 4:
            size, begins = data[at + 1], at + 2
            if size == 126:
                size, begins = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, begins = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if len(data) < begins + size:
                break
            if data.startswith(_PING, at):
                self._answer(data[begins : begins + size])
            elif (message := json.loads(data[begins : begins + size]))["type"] == "trade":
                self.count += 1
                self._delays.append(1000 * now - message["data"]["ingest_time"])
            at = begins + size
        self._rest = data[at:]

    def _answer(self, ping: bytes) -> None:
        if len(ping) == 4:
            self._transport.write(_PONG + ping)


def _listen(port: int, clients: int, slow: int, pipe: Any) -> None:
    """Be ``clients``, and ``slow`` more who never read; tell through ``pipe`` when they are there and what came."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        delays: list[float] = []
        listeners = []
        for number in range(clients + slow):
            sampled = delays if number < _SAMPLE else None
            link = socket.socket()
            link.setblocking(False)
            if number >= clients:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SLOW_BYTES)
            await loop.sock_connect(link, ("127.0.0.1", port))
            transport, listener = await loop.create_connection(partial(Listener, "/ws/trades", sampled), sock=link)
            await listener.opened
            if number >= clients:
                transport.pause_reading()
            else:
                listeners.append(listener)
        pipe.send("there")
        while not pipe.poll():
            await asyncio.sleep(0.1)
        pipe.send(([listener.count for listener in listeners], delays))

    asyncio.run(work())


def _send(settings: Settings, rate: int, seconds: float) -> None:
    """Send ``rate`` trades a second, in steps of 10 ms."""
    producer = kafka_clients.producer(settings, linger_ms=0)
    step, each = 0.01, max(1, rate // 100)
    began = time.perf_counter()
    for number in range(int(seconds / step)):
        time.sleep(max(0.0, began + number * step - time.perf_counter()))
        for one in range(each):
            at = time.time_ns() // 1_000_000
            coin = _COINS[one % len(_COINS)]
            trade = {"source": "binance", "symbol": coin, "pair": f"{coin}/USDT", "trade_id": f"{number}-{one}",
                     "price": 97_337.11, "quantity": 0.0123, "side": "buy", "event_time": at,
                     "ingest_time": at}  # fmt: skip
            producer.send(settings.topics.trades, key=coin.encode(), value=contract.encode(trade))
    producer.flush(60)
    producer.close()


def measure_live(settings: Settings, clients: int, slow: int, rate: int, seconds: float) -> None:
    """Print how long trades took to ``clients``, with ``slow`` more who do not read."""
    with server(settings) as (address, process):
        here, there = multiprocessing.Pipe()
        port = int(address.rpartition(":")[2])
        listening = multiprocessing.Process(target=_listen, args=(port, clients, slow, there))
        listening.start()
        here.recv()
        idle = process.memory_info().rss
        before = sum(process.cpu_times()[:2])
        sending = multiprocessing.Process(target=_send, args=(settings, rate, seconds))
        sending.start()
        most = idle
        while sending.is_alive():
            most = max(most, process.memory_info().rss)
            time.sleep(0.2)
        time.sleep(2)
        used = sum(process.cpu_times()[:2]) - before
        here.send("stop")
        counts, delays = here.recv()
        listening.join()
        text = requests.get(f"{address}/metrics", timeout=30).text
        dropped = [line.split()[-1] for line in text.splitlines() if line.startswith("tidemark_live_dropped_total")]
        sent = int(seconds / 0.01) * max(1, rate // 100)
        print(
            f"{clients} clients and {slow} who do not read, {rate:,} trades/s for {seconds:g} s: "
            f"p50 {percentile(delays, 0.5):.0f} ms, p99 {percentile(delays, 0.99):.0f} ms, "
            f"longest {max(delays, default=0):.0f} ms; each of {sent:,} trades came to "
            f"{sum(count == sent for count in counts)} clients (mean {statistics.fmean(counts):,.0f}); "
            f"dropped {', '.join(dropped) or 0}; {idle >> 20} MiB, {most >> 20} MiB at most; "
            f"{100 * used / seconds:.0f} % of a core",
            flush=True,
        )


def live(clients: int, rate: int, seconds: float) -> None:
    """Print how soon many clients are told, and that slow ones cost the others nothing."""
    with parts() as settings:
        measure_live(settings, clients, 0, rate, seconds)
        fast = max(1, clients * 80 // 500)
        measure_live(settings, fast, 0, rate, seconds)
        measure_live(settings, fast, max(1, fast // 4), rate, seconds)


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["rest", "live"])
    parser.add_argument("--trades", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=0, help="of each measurement; 10 of REST, 60 of live")
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--rate", type=int, default=1_000, help="trades a second, a multiple of 100")
    given = parser.parse_args()
    if given.what == "rest":
        rest(given.trades, given.seconds or 10)
    else:
        live(given.clients, given.rate, given.seconds or 60)
