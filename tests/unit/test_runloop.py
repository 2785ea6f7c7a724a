from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from producers import runloop, sources
from producers.message import BadFrame, Message, PollError
from producers.record import record
from producers.replay import replay
from producers.sink import MemorySink
from producers.sources import StreamSource
from tests.captures import captures
from tests.exchange.server import ExchangeServer, Reply, binance_frames, rss
from tests.unit.test_contract import ARTICLE
from tests.unit.test_rss import ITEM
from tidemark.settings import Producers, Settings, load

FAST = Producers(reconnect_max="50ms", silence="10s", retries=3)  # type: ignore[arg-type]


@contextmanager
def running(target: Callable[..., Any], *args: Any) -> Iterator[Event]:
    """Run ``target(*args, stop)`` in a thread; set stop and wait for its end on leaving."""
    stop = Event()
    thread = Thread(target=target, args=(*args, stop, FAST))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def until(condition: Callable[[], bool], timeout: float = 20) -> None:
    deadline = monotonic() + timeout
    pause = Event()
    while not condition():
        assert monotonic() < deadline, "not in time"
        pause.wait(0.01)


def settings(server: ExchangeServer, **more: Any) -> Settings:
    return load(
        binance={"ws_url": server.ws_url, "pairs": ["BTC/USDT"]},
        kraken={"ws_url": f"{server.ws_url}/v2", "pairs": ["BTC/USD", "ETH/USD"]},
        **more,
    )


def ids(sink: MemorySink) -> list[int]:
    return [int(message.value["trade_id"]) for message in sink.messages]


def test_real_trades_arrive_whole_over_cut_connections() -> None:
    frames = binance_frames(captures() / "trades" / "binance_btcusdt_2021-01-08.csv")
    with ExchangeServer(binance=frames, cut_after=[1, 0, 700]) as server:
        config = settings(server)
        sink = MemorySink(config)
        with running(runloop.run_stream, sources.stream("binance", config), sink):
            until(lambda: len(sink.payloads) >= len(frames))
        assert server.connections["binance"] == 4
        assert server.requests == ["/stream?streams=btcusdt@trade"] * 4
    assert ids(sink) == [json.loads(frame)["data"]["t"] for frame in frames]
    assert sink.counts.dead == {}


def test_kraken_subscribes_anew_after_every_cut() -> None:
    frames = (captures() / "frames" / "kraken_v2.jsonl").read_text().splitlines()
    with ExchangeServer(kraken=frames, cut_after=[1, 1]) as server:
        config = settings(server)
        sink = MemorySink(config)
        with running(runloop.run_stream, sources.stream("kraken", config), sink):
            server.wait_played("kraken")
            until(lambda: len(sink.payloads) >= 3)
        asked = [(request["params"]["channel"], request["params"]["symbol"]) for request in server.requests]
    assert asked == [("trade", ["BTC/USD", "ETH/USD"]), ("ticker", ["BTC/USD", "ETH/USD"])] * 3
    assert [m.topic for m in sink.messages] == ["tickers", "trades", "trades"]


def test_bad_frames_become_dead_letters_and_the_stream_goes_on() -> None:
    good = '{"e":"trade","s":"BTCUSDT","t":%d,"p":"1","q":"1","T":1610064000278,"m":true}'
    tape = [good % 1, "{broken", '{"e":"trade","s":"BTCUSDT"}', good.replace('"p":"1"', '"p":"0"') % 2, good % 3]
    with ExchangeServer(binance=tape) as server:
        config = settings(server)
        sink = MemorySink(config)
        with running(runloop.run_stream, sources.stream("binance", config), sink):
            until(lambda: len(sink.payloads) >= 5)
    assert ids(sink) == [1, 3]
    assert [letter["error"] for letter in sink.dead_letters] == ["not_json", "bad_frame", "out_of_range"]
    assert sink.dead_letters[0]["message"] == "{broken"


def test_a_silent_stream_is_opened_anew() -> None:
    with ExchangeServer() as server:
        config = settings(server)
        limits = Producers(reconnect_max="20ms", silence="100ms")  # type: ignore[arg-type]
        stop = Event()
        source = sources.stream("binance", config)
        thread = Thread(target=runloop.run_stream, args=(source, MemorySink(config), stop, limits))
        thread.start()
        until(lambda: server.connections["binance"] >= 3)
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_heartbeats_keep_a_quiet_stream_open() -> None:
    with ExchangeServer() as server:
        config = settings(server)
        heard = Event()

        def parse(frame: str | bytes, _: int) -> list[Message]:
            if b"heartbeat" in (frame.encode() if isinstance(frame, str) else frame):
                heard.set()
            return []

        stream = sources.stream("kraken", config)
        quiet = StreamSource("kraken", stream.url, stream.subscriptions, parse)
        with running(runloop.run_stream, quiet, MemorySink(config)):
            assert heard.wait(10)
        assert server.connections["kraken"] == 1


def test_an_exchange_out_of_reach_is_tried_again_until_it_is_there() -> None:
    frame = '{"e":"trade","s":"BTCUSDT","t":1,"p":"1","q":"1","T":1610064000278,"m":true}'
    with ExchangeServer(binance=[frame]) as server:
        there = sources.stream("binance", settings(server))
        waits: list[float] = []

        class Counting(Event):
            """Counts the pauses, and lets the exchange come back after three."""

            def wait(self, timeout: float | None = None) -> bool:
                waits.append(timeout or 0)
                if len(waits) == 3:
                    object.__setattr__(away, "url", there.url)
                return super().wait(0)

        away = StreamSource("binance", "ws://127.0.0.1:1/stream", (), there.parse)
        sink = MemorySink(load())
        stop = Counting()
        limits = Producers(reconnect_max="3s")  # type: ignore[arg-type]
        thread = Thread(target=runloop.run_stream, args=(away, sink, stop, limits))
        thread.start()
        until(lambda: len(sink.payloads) == 1)
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
    assert 0.5 <= waits[0] <= 1 <= waits[1] <= 2
    assert 1.5 <= waits[2] <= 3


class Scripted:
    """A polled source that answers from a list."""

    name = "scripted"
    interval = 3600.0

    def __init__(self, *answers: list[Message | BadFrame] | Exception) -> None:
        self._answers = list(answers)
        self.polled = 0

    def poll(self) -> list[Message | BadFrame]:
        self.polled += 1
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Instant(Event):
    """Notes the pauses instead of making them."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0)
        return self.is_set()


def test_a_failed_poll_is_tried_again_after_2_4_and_8_seconds() -> None:
    article = Message("articles", ARTICLE["id"], ARTICLE)
    source = Scripted(
        *[PollError("HTTP 500")] * 3, [article, BadFrame("bad_frame", "no date", "articles", original="e")]
    )
    sink, stop = MemorySink(load()), Instant()
    assert runloop.run_poll(source, sink, stop, Producers(), once=True)
    assert [int(pause) for pause in stop.pauses] == [2, 4, 8]
    assert sink.messages == [article]
    assert [(letter["message"], letter["error"]) for letter in sink.dead_letters] == [("e", "bad_frame")]


def test_after_the_last_try_the_poll_has_failed_and_the_next_interval_goes_on() -> None:
    source = Scripted(*[PollError("HTTP 500")] * 4, [])
    stop = Instant()
    assert not runloop.run_poll(source, MemorySink(load()), stop, Producers(), once=True)
    assert source.polled == 4
    assert runloop.run_poll(source, MemorySink(load()), stop, Producers(), once=True)


@pytest.mark.parametrize(("asked", "pause"), [(30.0, 30.0), (99999.0, 3600.0)])
def test_what_the_server_asks_to_wait_is_waited_at_most_an_interval(asked: float, pause: float) -> None:
    stop = Instant()
    runloop.run_poll(Scripted(PollError("HTTP 429", asked), []), MemorySink(load()), stop, Producers(), once=True)
    assert stop.pauses == [pause]


def test_feeds_are_polled_each_on_its_own() -> None:
    with ExchangeServer(feeds={"/up": [Reply(rss(ITEM))], "/down": [Reply(status=500)]}) as server:
        feeds = {"Down": f"{server.http_url}/down", "Up": f"{server.http_url}/up"}
        config = load(rss={"feeds": feeds}, producers={"retries": 0})
        sink = MemorySink(config)
        polls = sources.polls(config)
        done = [runloop.run_poll(feed, sink, Event(), config.producers, once=True) for feed in polls]
    assert done == [False, True]
    assert [m.value["website"] for m in sink.messages] == ["Up"]


def test_a_recording_replays_to_the_same_messages(tmp_path: Path) -> None:
    frames = (captures() / "frames" / "kraken_v1.jsonl").read_text().splitlines()
    file = tmp_path / "recording.jsonl"
    with ExchangeServer(kraken=frames) as server:
        config = settings(server)
        live = MemorySink(config)
        source = sources.stream("kraken", config)
        arrivals: list[tuple[str, int]] = []

        def parse(frame: str | bytes, received: int) -> list[Message]:
            raise AssertionError("a recorder does not parse")

        stop = Event()
        recording = StreamSource(source.name, source.url, source.subscriptions, parse)
        thread = Thread(target=record, args=(recording, file, stop, FAST))
        thread.start()
        server.wait_played("kraken")
        until(lambda: file.exists() and frames[-1] in [json.loads(line)["frame"] for line in whole_lines(file)])
        stop.set()
        thread.join(10)
    for line in whole_lines(file):
        content = json.loads(line)
        arrivals.append((content["frame"], content["received"]))
    for frame, received in arrivals:
        runloop.deliver(frame, received, source.parse, live)
    replayed = MemorySink(config)
    summary = replay(file, replayed, Event())
    assert summary.frames == len(arrivals)
    assert replayed.payloads == live.payloads
    assert replayed.counts.sent == {"trades": 10, "tickers": 18}


def whole_lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
