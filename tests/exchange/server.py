"""A local exchange and news site: speaks the protocols of Binance, Kraken, Bitstamp and RSS over real sockets,
plays given frames, and answers as the APIs of the other polled sources do.

Used by the run loop's tests and by the stack tests, with the producers' endpoint settings pointed at it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from tests.exchange.apis import Apis
from tests.exchange.apis import Reply as Reply  # the replies of feeds are made with it

_HEARTBEAT = 0.5  # seconds
_HEARTBEATS = {
    "kraken": '{"channel":"heartbeat"}',
    "bitstamp": '{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}',
}


def binance_frames(trades_csv: Path, market: str = "BTCUSDT", combined: bool = True) -> list[str]:
    """Return Binance `trade` frames of a CSV of timestamp (ms), trade_id, price, quantity and buyer_maker."""
    frames = []
    with trades_csv.open(newline="") as file:
        for row in csv.DictReader(file):
            at = int(row["timestamp"])
            event = {
                "e": "trade",
                "E": at + 1,
                "s": market,
                "t": int(row["trade_id"]),
                "p": row["price"],
                "q": row["quantity"],
                "T": at,
                "m": row["buyer_maker"] == "True",
                "M": True,
            }
            frame = {"stream": f"{market.lower()}@trade", "data": event} if combined else event
            frames.append(json.dumps(frame, separators=(",", ":")))
    return frames


class ExchangeServer:
    """Plays ``binance``, ``kraken`` and ``bitstamp`` frames to whoever subscribes, and answers ``feeds``
    ({path: replies}) over HTTP.

    The frames of an exchange are one tape: a connection that is cut after ``cut_after[i]`` frames (the i-th
    connection; not cut where the list has ended) leaves the rest to the next. After the tape the connection
    stays open, Kraken's and Bitstamp's with heartbeats. The last reply of a feed is repeated. ``pace`` is the pause
    between frames, in seconds. ``history`` has by market what Binance's old trade lookup gives.
    Polled sources other than feeds are answered by ``apis``.
    What ``faults`` has for a path (without its query) is given first, one reply after the other; what ``refusing`` has,
    as long as it has it.
    ``live`` plays the tapes from the first connection on, whoever listens, as a real exchange does: a connection gets
    what comes after it was made, and what comes while there is none is missed.
    """

    def __init__(
        self,
        binance: Sequence[str] = (),
        kraken: Sequence[str] = (),
        feeds: dict[str, list[Reply]] | None = None,
        cut_after: Sequence[int] = (),
        pace: float = 0.0,
        history: dict[str, list[dict[str, Any]]] | None = None,
        live: bool = False,
        bitstamp: Sequence[str] = (),
        apis: Apis | None = None,
        faults: dict[str, list[Reply]] | None = None,
    ) -> None:
        self.connections: Counter[str] = Counter()
        self.requests: list[Any] = []  # what clients said: paths of Binance streams, decoded requests of the others
        self.hits: list[tuple[str, int]] = []  # (path, status) of every feed request
        self._tapes: dict[str, list[str]] = {
            "binance": list(binance),
            "kraken": list(kraken),
            "bitstamp": list(bitstamp),
        }
        self._played: Counter[str] = Counter()
        self._feeds = {path: list(replies) for path, replies in (feeds or {}).items()}
        self._cuts = {exchange: list(cut_after) for exchange in self._tapes}
        self._pace = pace
        self.history = history or {}
        self.refusing: dict[str, Reply] = {}
        self._faults = {path: list(replies) for path, replies in (faults or {}).items()}
        self._live = live
        self._apis = apis or Apis()
        self._on_air: set[str] = set()
        self._changed = Condition()
        self._stopped = Event()
        self._threads: list[Thread] = []
        self._websocket: Server | None = None
        self._http: ThreadingHTTPServer | None = None

    def __enter__(self) -> ExchangeServer:
        self._websocket = serve(self._serve_stream, "127.0.0.1", 0, compression=None, close_timeout=1)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._feed_handler())
        # It looks every 50 ms whether it shall end.
        for serve_forever in (self._websocket.serve_forever, partial(self._http.serve_forever, 0.05)):
            thread = Thread(target=serve_forever, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        assert self._websocket is not None
        assert self._http is not None
        self._websocket.shutdown()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join(5)

    @property
    def ws_url(self) -> str:
        """Return the address for binance.ws_url; Kraken's is this with /v2 (or nothing, for v1), Bitstamp's with
        /bitstamp.
        """
        assert self._websocket is not None
        return f"ws://127.0.0.1:{self._websocket.socket.getsockname()[1]}"

    @property
    def http_url(self) -> str:
        """Return the address that the feeds' paths go behind."""
        assert self._http is not None
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def wait_played(self, exchange: str, timeout: float = 30) -> None:
        """Return once the whole tape of ``exchange`` was sent. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._played[exchange] >= len(self._tapes[exchange]), timeout):
                sent = self._played[exchange]
                raise TimeoutError(f"{sent} of {len(self._tapes[exchange])} {exchange} frames sent in {timeout} s")

    def add(self, exchange: str, frames: Sequence[str]) -> None:
        """Append ``frames`` to a tape; open connections send them too."""
        with self._changed:
            self._tapes[exchange] += frames
            self._changed.notify_all()

    def _serve_stream(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        with suppress(ConnectionClosed, OSError):
            if path.startswith(("/stream?streams=", "/ws/")):
                self.requests.append(path)
                self._play("binance", connection)
            elif path == "/bitstamp":
                subscribed = Event()
                Thread(target=self._answer_bitstamp, args=(connection, subscribed), daemon=True).start()
                if subscribed.wait(10):
                    self._play("bitstamp", connection)
            else:
                self._subscribed(connection)
                self._play("kraken", connection)

    def _subscribed(self, connection: ServerConnection) -> None:
        """Answer Kraken's requests, v1 or v2, until ticker and trade are both subscribed."""
        connection.send(
            json.dumps({"channel": "status", "type": "update", "data": [{"system": "online", "version": "2.0.9"}]})
        )
        channels: set[str] = set()
        while not channels >= {"ticker", "trade"}:
            request = json.loads(connection.recv())
            self.requests.append(request)
            if "method" in request:
                channel, pairs = request["params"]["channel"], request["params"]["symbol"]
                for pair in pairs:
                    result = {"channel": channel, "symbol": pair}
                    connection.send(json.dumps({"method": "subscribe", "result": result, "success": True}))
            else:
                channel, pairs = request["subscription"]["name"], request["pair"]
                for number, pair in enumerate(pairs):
                    answer = {"channelID": number, "channelName": channel, "event": "subscriptionStatus"}
                    connection.send(json.dumps({**answer, "pair": pair, "status": "subscribed"}))
            channels.add(channel)

    def _answer_bitstamp(self, connection: ServerConnection, subscribed: Event) -> None:
        """Answer Bitstamp's requests, one per channel, as long as the connection lasts."""
        with suppress(ConnectionClosed, OSError):
            for text in connection:
                request = json.loads(text)
                self.requests.append(request)
                channel = request["data"]["channel"]
                connection.send(json.dumps({"event": "bts:subscription_succeeded", "channel": channel, "data": {}}))
                subscribed.set()

    def _play(self, exchange: str, connection: ServerConnection) -> None:
        tape = self._tapes[exchange]
        with self._changed:
            self.connections[exchange] += 1
            self._changed.notify_all()
            if self._live and exchange not in self._on_air:
                self._on_air.add(exchange)
                Thread(target=self._broadcast, args=(exchange,), daemon=True).start()
            position = self._played[exchange]
        cuts = self._cuts[exchange]
        left = cuts.pop(0) if cuts else None
        beat = time.monotonic() + _HEARTBEAT
        while not self._stopped.is_set():
            if left == 0:
                # Abrupt, as a broken line is: no closing handshake; what was sent before still arrives.
                connection.socket.shutdown(socket.SHUT_WR)
                return
            with self._changed:
                end = self._played[exchange] if self._live else len(tape)
                if not self._live:
                    position = self._played[exchange]
                if position >= end:
                    self._changed.wait(_HEARTBEAT)
                frame = tape[position] if position < end else None
            if frame is None:
                if exchange in _HEARTBEATS and time.monotonic() >= beat:
                    connection.send(_HEARTBEATS[exchange])
                    beat = time.monotonic() + _HEARTBEAT
                continue
            connection.send(frame)
            position += 1
            if left is not None:
                left -= 1
            if self._live:
                continue
            with self._changed:
                self._played[exchange] += 1
                self._changed.notify_all()
            if self._pace:
                time.sleep(self._pace)

    def _broadcast(self, exchange: str) -> None:
        tape = self._tapes[exchange]
        while not self._stopped.wait(self._pace):
            with self._changed:
                if self._played[exchange] < len(tape):
                    self._played[exchange] += 1
                    self._changed.notify_all()

    def _fault(self, path: str) -> Reply | None:
        with self._changed:
            if path in self.refusing:
                return self.refusing[path]
            return self._faults[path].pop(0) if self._faults.get(path) else None

    def _old_trades(self, query: str) -> Reply:
        asked = dict(parse_qsl(query))
        trades = [t for t in self.history.get(asked["symbol"], []) if t["id"] >= int(asked["fromId"])]
        return Reply(json.dumps(trades[: int(asked["limit"])]))

    def _feed_handler(self) -> type[BaseHTTPRequestHandler]:
        exchange = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if (fault := exchange._fault(parts.path)) is not None:
                    reply = fault
                elif parts.path == "/api/v3/historicalTrades":
                    reply = exchange._old_trades(parts.query)
                elif (answer := exchange._apis.answer(self.path, self.headers)) is not None:
                    reply = answer
                else:
                    with exchange._changed:
                        replies = exchange._feeds.get(self.path, [Reply(status=404)])
                        reply = replies.pop(0) if len(replies) > 1 else replies[0]
                body = reply.body.encode()
                tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                status = reply.status
                if status == 200 and self.headers.get("If-None-Match") == tag:
                    status, body = 304, b""
                exchange.hits.append((self.path, status))
                self.send_response(status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if status in (200, 304):
                    self.send_header("ETag", tag)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(OSError):  # the client may have hung up: a limit was exceeded
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is there
                """Stay silent."""

        return Handler


def rss(*items: tuple[str, str, str, datetime | None]) -> str:
    """Return an RSS 2.0 feed of items (title, link, summary in HTML, time of publication)."""
    parts = []
    for title, link, summary, published in items:
        date = ""
        if published is not None:
            date = f"<pubDate>{published.astimezone(timezone.utc):%a, %d %b %Y %H:%M:%S} +0000</pubDate>"
        parts.append(
            f"<item><title><![CDATA[{title}]]></title><link><![CDATA[{link}]]></link>{date}"
            f"<description><![CDATA[{summary}]]></description></item>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>News</title>'
        f"<link>http://news.test/</link><description>n</description>{''.join(parts)}</channel></rss>"
    )
