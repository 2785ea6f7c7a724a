"""Live clients on a real broker: told everything in order, from where they left off; and none waits for a slow one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests
import uvicorn
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from producers import contract
from serving.app import create_app
from serving.live.server import Server, live_options
from serving.services import Services
from stack import topics
from tests.serving.conftest import Api, Broker
from tests.serving.test_listings import API
from tests.storage.conftest import Database
from tests.world import wait_for
from tidemark import kafka_clients
from tidemark.settings import Topics

Told = dict[str, Any]
START = 1_767_268_800_000  # a moment, ms since the epoch
SMALL = 4_096  # bytes that the kernel keeps of what is sent to a client
LONG = 30  # seconds that anything may take


def trade(number: int, pair: str = "BTC/USDT", **other: Any) -> Told:
    at = START + number
    known = {"source": "binance", "symbol": pair.split("/")[0], "pair": pair, "trade_id": str(number), "price": 100.5,
             "quantity": 1.0, "side": "buy", "event_time": at, "ingest_time": at + 5}  # fmt: skip
    return {**known, **other}


def ticker(number: int, pair: str = "BTC/USD") -> Told:
    at = START + number
    return {"source": "kraken", "symbol": pair.split("/")[0], "pair": pair, "last": 100.0 + number, "bid": None,
            "ask": None, "volume_24h": 5.0, "change_pct": 0.1, "event_time": at, "ingest_time": at}  # fmt: skip


def alert(number: int, detail: str = "BTC/USDT on binance rose") -> Told:
    at = START + number
    return {"alert_id": f"{number:032x}", "symbol": "BTC", "pair": "BTC/USDT", "alert_type": "spike", "price": 101.0,
            "change_pct": 1.5, "threshold": 1.0, "severity": "warning", "detail": detail, "event_time": at,
            "detected_at": at, "ended_at": None}  # fmt: skip


def article(number: int, summary: str = "") -> Told:
    at = START + number
    mood = {"score": 0.5, "polarity": 0.0, "label": "neutral"}
    return {"id": f"{number:064x}", "title": "<script>alert(1)</script>\nBitcoin", "url": f"https://news.example/{number}",
            "website": "Example", "summary": summary, "cryptocurrencies_mentioned": ["BTC"], "sentiment": mood,
            "source": "rss", "event_time": at, "ingest_time": at}  # fmt: skip


class Desk:
    """An API that is served over a socket, with topics of its own on the broker."""

    def __init__(self, broker: Broker, stack: ExitStack, **groups: dict[str, Any]) -> None:
        name = f"t{uuid.uuid4().hex[:8]}"
        names = {key: f"{name}.{topic}" for key, topic in Topics().model_dump().items()}
        made = Database(broker.settings, topics=names, **groups)
        made.migrate()
        self.api = Api(made, stack)
        self.settings = made.settings
        topics.create(self.settings)
        self._producer = kafka_clients.producer(self.settings, acks="all", linger_ms=5)
        stack.callback(self._producer.close)
        self._stack = stack

    def put(self, topic: str, values: Iterable[Told | bytes]) -> None:
        """Send values, all to one partition, so that they keep their order."""
        for value in values:
            body = value if isinstance(value, bytes) else contract.encode(value)
            self._producer.send(getattr(self.settings.topics, topic), value=body, partition=0)
        self._producer.flush(60)

    def serve(self) -> str:
        """Start it, and wait until it follows Kafka; return its address. It is stopped at the end of the test."""
        app = create_app(self.settings)
        self.services: Services = app.state.services
        options: dict[str, Any] = {**live_options(), "timeout_graceful_shutdown": 10}
        config = uvicorn.Config(app, log_config=None, access_log=False, **options)
        self.server = Server(config, self.services.send_away)
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)  # which connections inherit
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]})
        self.thread.start()
        self._stack.callback(self.stop)
        live = self.services.live
        assert live
        wait_for(lambda: live.hub.state == "ok", "the reader", 60)
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        return self.address

    def stop(self) -> None:
        """Stop it."""
        self.server.should_exit = True
        self.thread.join(30)

    @contextmanager
    def socket(self, path: str, **options: Any) -> Iterator[Connection]:
        """Open a WebSocket."""
        with connect(self.address.replace("http", "ws") + path, open_timeout=LONG, **options) as found:
            yield found

    @contextmanager
    def events(self, query: str = "", **headers: str) -> Iterator[Iterator[Told]]:
        """Listen to server-sent events, heartbeats left out."""
        with requests.get(f"{self.address}{API}/live{query}", headers=headers, stream=True, timeout=LONG) as answer:
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            assert "content-security-policy" in answer.headers
            yield (one for one in parsed(answer) if one["type"] != "heartbeat")

    def metric(self, line: str) -> float:
        """Return what Prometheus is told."""
        text = requests.get(f"{self.address}/metrics", timeout=LONG).text
        return next((float(found.split()[-1]) for found in text.splitlines() if found.startswith(line)), 0.0)


def parsed(answer: requests.Response) -> Iterator[Told]:
    """Yield events as the standard has them (a blank line ends one)."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield {"type": fields["event"], "id": fields["id"], "data": json.loads(fields["data"])}
            fields = {}


def heard(connection: Connection, kind: str | None = None) -> Told:
    """Return the next message that is no heartbeat, or the next of ``kind``."""
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        found: Told = json.loads(connection.recv(timeout=LONG))
        if found["type"] == kind or (kind is None and found["type"] != "heartbeat"):
            return found
    raise AssertionError(f"nothing came of {kind or 'any kind'}")


@pytest.fixture
def desk(broker: Broker) -> Iterator[Callable[..., Desk]]:
    """Return a maker of desks; its arguments are groups of settings."""
    with ExitStack() as stack:
        yield lambda **groups: Desk(broker, stack, **groups)


def test_a_snapshot_comes_first_then_what_happens(desk: Callable[..., Desk]) -> None:
    made = desk()
    made.put("trades", [trade(2), trade(1), trade(3, "ETH/USDT"), b"no json", trade(4, price=-1), b'{"pair": "x"}'])
    made.put("tickers", [ticker(1), ticker(2)])
    made.put("alerts", [alert(number) for number in range(60)])
    made.put("articles", [article(number) for number in range(25)])
    made.serve()
    newest_trades, newest_ticker = [trade(2), trade(3, "ETH/USDT")], [ticker(2)]
    alerts = [alert(number) for number in range(59, 9, -1)]
    with (
        made.events() as everything,
        made.events("?topics=alerts,trades&pair=eth-usdt") as some,
        made.socket("/ws/trades") as all_trades,
        made.socket("/ws/trades?pair=ETH/USDT") as of_a_pair,
        made.socket("/ws/raw-ticker") as tickers,
        made.socket("/ws/alerts") as told_alerts,
    ):
        first = next(everything)
        assert first["type"] == "snapshot"
        assert first["data"] == {"trades": newest_trades, "tickers": newest_ticker, "alerts": alerts,
                                 "articles": [article(number) for number in range(24, 4, -1)]}  # fmt: skip
        assert next(some)["data"] == {"trades": [trade(3, "ETH/USDT")], "alerts": alerts}
        assert heard(all_trades)["data"] == {"trades": newest_trades}
        assert heard(of_a_pair)["data"] == {"trades": [trade(3, "ETH/USDT")]}
        assert heard(tickers)["data"] == {"tickers": newest_ticker}
        assert heard(told_alerts)["data"] == {"alerts": alerts}

        made.put("trades", [trade(10), b"{}", trade(11, "ETH/USDT")])
        made.put("tickers", [ticker(10)])
        made.put("alerts", [alert(100)])
        made.put("articles", [article(100)])
        came = [next(everything) for _ in range(5)]
        assert sorted(one["type"] for one in came) == ["alert", "article", "ticker", "trade", "trade"]
        by_kind = {one["type"]: one["data"] for one in came}
        assert by_kind["article"] == article(100)
        assert by_kind["ticker"] == ticker(10)
        assert [one["data"] for one in came if one["type"] == "trade"] == [trade(10), trade(11, "ETH/USDT")]
        assert {json.dumps(next(some)["data"]) for _ in range(2)} == {
            json.dumps(trade(11, "ETH/USDT")), json.dumps(alert(100))
        }  # fmt: skip
        assert [heard(all_trades)["data"] for _ in range(2)] == [trade(10), trade(11, "ETH/USDT")]
        assert heard(of_a_pair)["data"] == trade(11, "ETH/USDT")
        assert heard(tickers) | {"id": ""} == {"type": "ticker", "id": "", "data": ticker(10)}
        assert heard(told_alerts)["data"] == alert(100)
        assert made.metric('tidemark_live_clients{kind="websocket"}') == 4
        assert made.metric('tidemark_live_clients{kind="events"}') == 2
        assert made.metric('tidemark_live_skipped_total{stream="trades"}') == 4
        assert made.metric("tidemark_live_delay_seconds_count") == 6
        assert made.metric("tidemark_live_following") == 1
    wait_for(lambda: made.metric('tidemark_live_clients{kind="websocket"}') == 0, "clients to be forgotten", LONG)
    wait_for(lambda: made.metric('tidemark_live_clients{kind="events"}') == 0, "listeners to be forgotten", LONG)


def test_heartbeats_come_when_nothing_else_does(desk: Callable[..., Desk]) -> None:
    made = desk(live={"heartbeat": "200ms"})
    made.serve()
    with (
        made.socket("/ws/alerts") as connection,
        requests.get(f"{made.address}{API}/live", stream=True, timeout=LONG) as answer,
    ):
        beats = [heard(connection, "heartbeat") for _ in range(3)]
        assert [beat["data"]["kafka"] for beat in beats] == ["ok"] * 3
        times = [beat["data"]["time"] for beat in beats]
        assert sorted(times) == times
        assert abs(times[-1] / 1000 - time.time()) < LONG
        assert [next(parsed(answer))["type"] for _ in range(1)] == ["snapshot"]


def test_what_is_not_committed_is_not_told(desk: Callable[..., Desk]) -> None:
    made = desk()
    made.serve()
    name = made.settings.topics.alerts
    producer = kafka_clients.producer(made.settings, transactional_id=uuid.uuid4().hex)
    producer.init_transactions()
    with made.socket("/ws/alerts") as connection:
        assert heard(connection)["data"] == {"alerts": []}
        producer.begin_transaction()
        producer.send(name, value=contract.encode(alert(1)), partition=0)
        producer.flush()
        producer.abort_transaction()
        producer.begin_transaction()
        producer.send(name, value=contract.encode(alert(2)), partition=0)
        producer.commit_transaction()
        assert heard(connection)["data"] == alert(2)
    producer.close()


def test_who_comes_again_is_told_what_came_since(desk: Callable[..., Desk]) -> None:
    made = desk(live={"kept": 100})
    made.serve()
    with made.socket("/ws/trades") as connection, made.events("?topics=trades,tickers") as events:
        heard(connection)
        next(events)
        made.put("trades", [trade(1), trade(2)])
        seen, seen_event = heard(connection), next(events)
        assert seen == seen_event
    made.put("trades", [trade(number) for number in range(3, 50)])
    made.put("tickers", [ticker(1)])
    wait_for(lambda: made.metric("tidemark_live_delay_seconds_count") == 50, "all to be read", LONG)
    with (
        made.socket(f"/ws/trades?after={seen['id']}") as connection,
        made.events("?topics=trades,tickers", **{"Last-Event-ID": seen["id"]}) as events,
    ):
        assert [heard(connection)["data"] for _ in range(48)] == [trade(number) for number in range(2, 50)]
        came = [next(events)["data"] for _ in range(49)]
        assert [one for one in came if "trade_id" in one] == [trade(number) for number in range(2, 50)]
    # Those of another process, of the future, and of a form that is none; and later one that is too old.
    epoch, _, number = seen["id"].partition("-")
    for unknown in (f"00000000-{number}", f"{epoch}-999999", "x", "", f"{epoch}-"):
        with made.socket(f"/ws/trades?after={unknown}") as connection:
            assert heard(connection)["type"] == "snapshot"
    made.put("trades", [trade(number) for number in range(50, 200)])
    wait_for(lambda: made.metric("tidemark_live_delay_seconds_count") == 200, "all to be read", LONG)
    with made.socket(f"/ws/trades?after={seen['id']}") as connection:
        assert heard(connection)["data"] == {"trades": [trade(199)]}


def test_wrong_words_and_strangers_are_refused_before_anything_is_told(desk: Callable[..., Desk]) -> None:
    made = desk(api={"keyless_reads": False, "cors_origins": ["https://desk.example"]}, live={"clients": 1})
    made.serve()
    key = {"Authorization": f"Bearer {made.api.key('read')}"}

    def refused(path: str, **options: Any) -> tuple[int, str]:
        with pytest.raises(InvalidStatus) as found, made.socket(path, **options):
            pass
        answer = found.value.response
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code, json.loads(answer.body)["type"].rpartition(":")[2]

    def page(origin: str) -> dict[str, Any]:
        return {"additional_headers": key, "origin": origin}

    assert refused("/ws/alerts") == (401, "unknown-caller")
    assert refused("/ws/trades?pair=;DROP", additional_headers=key) == (422, "wrong-value")
    assert refused("/ws/trades?nonsense=1", additional_headers=key) == (422, "wrong-value")
    assert refused("/ws/alerts", **page("https://evil.example")) == (403, "wrong-origin")
    with made.socket("/ws/alerts", **page("https://desk.example")) as connection:
        assert heard(connection)["type"] == "snapshot"
        assert refused("/ws/alerts", additional_headers=key) == (503, "not-now")
        full = requests.get(f"{made.address}{API}/live", headers=key, timeout=LONG)
        assert (full.status_code, full.headers["retry-after"]) == (503, "1")
    for query, status in (("topics=candles", 422), ("topics=", 422), ("pair=a/b/c", 422), ("page=2", 422)):
        answer = requests.get(f"{made.address}{API}/live?{query}", headers=key, timeout=LONG)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), query
    assert requests.get(f"{made.address}{API}/live", timeout=LONG).status_code == 401
    head = requests.head(f"{made.address}{API}/live", headers=key, timeout=LONG)
    assert (head.status_code, head.text) == (200, "")


def test_a_key_that_is_revoked_ends_what_it_listens_to(desk: Callable[..., Desk]) -> None:
    made = desk(api={"keyless_reads": False}, live={"heartbeat": "200ms"})
    made.serve()
    key = {"X-API-Key": made.api.key("read")}
    with made.socket("/ws/alerts", additional_headers=key) as connection, made.events(**key) as events:
        heard(connection, "heartbeat")
        made.api.database.run("UPDATE serving.api_keys SET revoked_at = now()")
        with pytest.raises(ConnectionClosed) as closed:
            heard(connection, "none")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert [one["type"] for one in events] == ["snapshot"]


def test_what_clients_say_is_counted_and_otherwise_ignored(desk: Callable[..., Desk]) -> None:
    made = desk(api={"rate_per_address": "50/minute"})
    made.serve()
    with made.socket("/ws/alerts") as connection:
        heard(connection)
        connection.send("hello")
        made.put("alerts", [alert(1)])
        assert heard(connection)["data"] == alert(1)

        def flood() -> None:
            for _ in range(1_000):
                connection.send("more")
            heard(connection, "none")

        with pytest.raises(ConnectionClosed) as closed:
            flood()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_of_a_hundred_clients_the_slow_ones_are_dropped_and_the_others_miss_nothing(desk: Callable[..., Desk]) -> None:
    fast, slow, count = 80, 20, 1_500
    made = desk(live={"kept": 300, "heartbeat": "1s"})
    made.serve()
    address = made.address.replace("http", "ws") + "/ws/trades"
    ready, over = threading.Event(), threading.Event()
    heard_by: list[list[int]] = []
    closed: list[int] = []

    async def listen() -> None:
        found: list[int] = []
        async with connect_async(address, open_timeout=LONG) as connection:
            assert json.loads(await connection.recv())["type"] == "snapshot"
            arrived.release()
            while len(found) < count:
                message = json.loads(await connection.recv())
                if message["type"] == "trade":
                    found.append(int(message["data"]["trade_id"]))
        heard_by.append(found)

    async def dawdle() -> None:
        sleeper = socket.socket()
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        sleeper.connect(("127.0.0.1", int(address.split(":")[2].split("/")[0])))
        sleeper.setblocking(False)
        async with connect_async(address, sock=sleeper, open_timeout=LONG, max_queue=1) as connection:
            arrived.release()
            while not over.is_set():  # it does not read, until all is over
                await asyncio.sleep(0.05)
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await connection.recv()
            closed.append(connection.close_code or 0)

    async def clients() -> None:
        tasks = [asyncio.create_task(listen()) for _ in range(fast)]
        tasks += [asyncio.create_task(dawdle()) for _ in range(slow)]
        for _ in range(fast + slow):
            await arrived.acquire()
        ready.set()
        await asyncio.gather(*tasks)

    arrived = asyncio.Semaphore(0)
    thread = threading.Thread(target=lambda: asyncio.run(clients()))
    thread.start()
    assert ready.wait(60)
    for first in range(0, count, 50):
        made.put("trades", [trade(number) for number in range(first, first + 50)])
    wait_for(lambda: made.metric('tidemark_live_dropped_total{kind="websocket"}') == slow, "the slow to be dropped", 60)
    over.set()
    thread.join(120)
    assert len(heard_by) == fast
    assert all(found == list(range(count)) for found in heard_by)
    assert closed == [1013] * slow
    assert made.metric('tidemark_live_dropped_total{kind="websocket"}') == slow


def test_a_slow_listener_is_cut_off_and_comes_again(desk: Callable[..., Desk]) -> None:
    made = desk(live={"kept": 100})
    made.serve()
    sleeper = socket.socket()
    sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    host, _, port = made.address.partition("://")[2].partition(":")
    sleeper.connect((host, int(port)))
    sleeper.sendall(f"GET {API}/live?topics=articles HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    with made.events("?topics=articles") as events:
        last = next(events)
        sent = 0
        while made.metric('tidemark_live_dropped_total{kind="events"}') == 0 and sent < 3_000:
            made.put("articles", [article(number, "x" * 2_000) for number in range(sent, sent + 50)])
            for number in range(sent, sent + 50):
                last = next(events)
                assert last["data"]["url"] == article(number)["url"]
            sent += 50
        assert made.metric('tidemark_live_dropped_total{kind="events"}') == 1
    sleeper.settimeout(LONG)
    with contextlib.suppress(ConnectionResetError):
        while sleeper.recv(65_536):
            pass
    sleeper.close()
    made.put("articles", [article(9_999)])
    with made.events("?topics=articles", **{"Last-Event-ID": last["id"]}) as events:
        assert next(events)["data"] == article(9_999)


def test_a_client_that_vanishes_is_forgotten(desk: Callable[..., Desk]) -> None:
    made = desk(live={"heartbeat": "200ms"})
    made.serve()
    host, _, port = made.address.partition("://")[2].partition(":")
    gone = socket.create_connection((host, int(port)))
    gone.sendall(f"GET {API}/live HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    wait_for(lambda: made.metric('tidemark_live_clients{kind="events"}') == 1, "the client", LONG)
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # without a goodbye
    gone.close()
    wait_for(lambda: made.metric('tidemark_live_clients{kind="events"}') == 0, "it to be forgotten", LONG)


def test_a_server_that_stops_sends_its_clients_away(desk: Callable[..., Desk]) -> None:
    made = desk()
    made.serve()
    with made.socket("/ws/alerts") as connection, made.events() as events:
        heard(connection)
        next(events)
        made.server.should_exit = True
        with pytest.raises(ConnectionClosed) as closed:
            heard(connection)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert list(events) == []
        made.thread.join(8)
        assert not made.thread.is_alive()


def test_where_live_is_off_there_is_none(apis: Api) -> None:
    caller = apis()
    answer = caller.get(f"{API}/live")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:tidemark:problem:no-live")


def test_while_the_broker_is_away_clients_stay_and_are_told(desk: Callable[..., Desk], broker: Broker) -> None:
    made = desk(live={"heartbeat": "500ms"})
    made.serve()
    with made.socket("/ws/alerts") as connection:
        assert heard(connection)["type"] == "snapshot"
        broker.stop()
        try:
            wait_for(lambda: heard(connection, "heartbeat")["data"]["kafka"] != "ok", "clients to be told", LONG)
            found = requests.get(f"{made.address}/healthz", timeout=LONG)
            assert (found.status_code, found.json()["kafka"]) == (503, "does not answer")
            assert requests.get(f"{made.address}{API}/ranking/", timeout=LONG).status_code == 200
        finally:
            broker.start()
        wait_for(lambda: heard(connection, "heartbeat")["data"]["kafka"] == "ok", "clients to be told", 60)
        made.put("alerts", [alert(7)])
        assert heard(connection)["data"] == alert(7)
