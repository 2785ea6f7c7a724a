from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from producers import runloop, sources
from producers.health import Health, folder, states
from producers.http import Http
from producers.message import BadFrame, Message, PollError
from producers.record import record
from producers.replay import replay
from producers.sink import Delivered, MemorySink
from producers.source import PollSource, StreamSource
from tests.captures import captures
from tests.exchange.server import ExchangeServer, Reply, binance_frames, rss
from tests.unit.test_contract import ARTICLE
from tests.unit.test_rss import ITEM
from tidemark.schedules import Every
from tidemark.settings import Producers, Rss, Settings, load

FAST = Producers(reconnect_max="50ms", silence="10s", retries=3, breaker_failures=50)  # type: ignore[arg-type]


def health(source: str = "test", **producers: Any) -> Health:
    """Return the health of a source that notes nothing in files."""
    return Health(source, load(producers=producers), keep=False)


def stream(name: str, config: Settings) -> StreamSource:
    """Return the stream ``name``."""
    (source,) = sources.make(name, config)
    assert isinstance(source, StreamSource)
    return source


@contextmanager
def running(
    source: StreamSource, sink: MemorySink, limits: Producers = FAST, about: Health | None = None
) -> Iterator[Event]:
    """Run ``source`` into ``sink`` in a thread, until leaving."""
    stop = Event()
    about = about or health(source.name, breaker_failures=limits.breaker_failures)
    thread = Thread(target=runloop.run_stream, args=(source, sink, stop, limits, about))
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
        binance={"ws_url": server.ws_url, "rest_url": server.http_url, "pairs": ["BTC/USDT"]},
        kraken={"ws_url": f"{server.ws_url}/v2", "pairs": ["BTC/USD", "ETH/USD"]},
        **more,
    )


def frame(number: int) -> str:
    """Return the frame of a trade."""
    return f'{{"e":"trade","s":"BTCUSDT","t":{number},"p":"1","q":"1","T":1610064000278,"m":true}}'


def ids(sink: MemorySink) -> list[int]:
    return [int(message.value["trade_id"]) for message in sink.messages]


def test_real_trades_arrive_whole_over_cut_connections() -> None:
    frames = binance_frames(captures() / "trades" / "binance_btcusdt_2021-01-08.csv")
    with ExchangeServer(binance=frames, cut_after=[1, 0, 700]) as server:
        config = settings(server)
        sink = MemorySink(config)
        with running(stream("binance", config), sink):
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
        with running(stream("kraken", config), sink):
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
        with running(stream("binance", config), sink):
            until(lambda: len(sink.payloads) >= 5)
    assert ids(sink) == [1, 3]
    assert [letter["error"] for letter in sink.dead_letters] == ["not_json", "bad_frame", "out_of_range"]
    assert sink.dead_letters[0]["message"] == "{broken"


def test_a_silent_stream_is_opened_anew() -> None:
    with ExchangeServer() as server:
        config = settings(server)
        limits = FAST.model_copy(update={"silence": timedelta(milliseconds=100)})
        with running(stream("binance", config), MemorySink(config), limits):
            until(lambda: server.connections["binance"] >= 3)


def test_heartbeats_keep_a_quiet_stream_open_and_are_passed_on() -> None:
    with ExchangeServer() as server:
        config = settings(server)
        sink = MemorySink(config)
        limits = FAST.model_copy(update={"heartbeat": timedelta(milliseconds=50)})
        before = runloop.now_millis()
        with running(stream("kraken", config), sink, limits):
            until(lambda: len(sink.heartbeats) >= 4)
        assert server.connections["kraken"] == 1
    assert [beat["topic"] for beat in sink.heartbeats[:4]] == ["trades", "tickers"] * 2
    assert {beat["source"] for beat in sink.heartbeats} == {"kraken"}
    assert before <= sink.heartbeats[0]["event_time"] < sink.heartbeats[2]["event_time"] <= runloop.now_millis()


def test_a_stream_that_does_not_answer_says_nothing_of_being_well() -> None:
    with ExchangeServer() as server:
        config = settings(server)
        sink = MemorySink(config)
        limits = FAST.model_copy(update={"heartbeat": timedelta(milliseconds=1), "silence": timedelta(milliseconds=50)})
        with running(stream("binance", config), sink, limits):
            until(lambda: server.connections["binance"] >= 3)
    assert sink.heartbeats == []


def test_an_exchange_out_of_reach_is_tried_again_until_it_is_there() -> None:
    with ExchangeServer(binance=[frame(1)]) as server:
        there = stream("binance", settings(server))
        waits: list[float] = []

        class Counting(Event):
            """Counts the pauses, and lets the exchange come back after three."""

            def wait(self, timeout: float | None = None) -> bool:
                waits.append(timeout or 0)
                if len(waits) == 3:
                    object.__setattr__(away, "url", there.url)
                return super().wait(0)

        away = StreamSource("binance", ("trades",), "ws://127.0.0.1:1/stream", (), there.parse)
        sink = MemorySink(load())
        stop = Counting()
        limits = Producers(reconnect_max="3s")  # type: ignore[arg-type]
        thread = Thread(target=runloop.run_stream, args=(away, sink, stop, limits, health()))
        thread.start()
        until(lambda: len(sink.payloads) == 1)
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
    assert 0.5 <= waits[0] <= 1 <= waits[1] <= 2
    assert 1.5 <= waits[2] <= 3


def test_the_breaker_opens_and_lets_one_try_through_after_its_pause() -> None:
    states: list[str] = []
    limits = Producers(breaker_failures=3, breaker_pause="200ms", reconnect_max="1ms")  # type: ignore[arg-type]
    with ExchangeServer(binance=[frame(1)]) as server:
        there = stream("binance", settings(server))
        away = StreamSource("binance", ("trades",), "ws://127.0.0.1:1/stream", (), there.parse)
        about = health(breaker_failures=3, breaker_pause="200ms")
        note = about.note

        def noting(**changes: Any) -> None:
            states.extend([changes["breaker"]] if "breaker" in changes else [])
            if states.count("OPEN") == 2:
                object.__setattr__(away, "url", there.url)
            note(**changes)

        about.note = noting  # type: ignore[method-assign]
        sink, stop = MemorySink(load()), Event()
        thread = Thread(target=runloop.run_stream, args=(away, sink, stop, limits, about))
        thread.start()
        until(lambda: len(sink.payloads) == 1)
        stop.set()
        thread.join(10)
    assert states == ["OPEN", "HALF_OPEN", "OPEN", "HALF_OPEN", "CLOSED"]


def test_an_old_connection_is_replaced_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.connection._OVERLAP", 0.1)
    with ExchangeServer(binance=[frame(n) for n in range(1, 400)], pace=0.002, live=True) as server:
        config = settings(server)
        config.binance.max_age = timedelta(milliseconds=200)
        sink = MemorySink(config)
        with running(stream("binance", config), sink):
            until(lambda: len(ids(sink)) >= 399)
        assert server.connections["binance"] >= 2
        assert server.hits == []  # nothing was missed
    assert ids(sink) == list(range(1, 400))


def test_a_source_of_nothing_but_rubbish_is_stopped_and_says_so() -> None:
    with ExchangeServer(binance=["{broken"] * 50) as server:
        config = settings(server, producers={"rubbish_run": 20})
        sink = MemorySink(config)
        about = Health("binance", config, keep=False)
        assert not runloop.run_stream(stream("binance", config), sink, Event(), config.producers, about)
    assert len(sink.dead_letters) == 20
    assert about.state.state == "stopped"
    assert "rubbish_run" in about.state.error


def test_a_share_of_rubbish_stops_a_source_too() -> None:
    tape = [frame(n) if n % 3 == 1 else "{broken" for n in range(1500)]
    with ExchangeServer(binance=tape) as server:
        config = settings(server, producers={"rubbish_share": 0.5})
        sink = MemorySink(config)
        about = Health("binance", config, keep=False)
        assert not runloop.run_stream(stream("binance", config), sink, Event(), config.producers, about)
    assert len(sink.payloads) == 1000
    assert "rubbish_share" in about.state.error


def test_missed_trades_are_fetched_and_marked() -> None:
    there = [frame(n) for n in (*range(1, 11), *range(2511, 2521))]
    history = [
        {"id": n, "price": "1", "qty": "1", "time": 1610064000278, "isBuyerMaker": True, "isBestMatch": True}
        for n in range(1, 3000)
    ]
    with ExchangeServer(binance=there, history={"BTCUSDT": history}) as server:
        config = settings(server)
        sink = MemorySink(config)
        with running(stream("binance", config), sink):
            until(lambda: len(sink.payloads) >= 2520)
        assert [status for path, status in server.hits if path.startswith("/api/v3/historicalTrades")] == [200] * 3
    assert sorted(ids(sink)) == list(range(1, 2521))
    assert sink.backfilled == 2500


def old_trades(*ids: int) -> list[dict[str, Any]]:
    """Return trades as Binance's old trade lookup has them."""
    known = {"price": "1", "qty": "1", "time": 1610064000278, "isBuyerMaker": True, "isBestMatch": True}
    return [{**known, "id": number} for number in ids]


def test_an_hour_without_a_word_ends_the_connection_and_what_it_hid_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = 0.0
    monkeypatch.setattr("producers.connection.time", SimpleNamespace(monotonic=lambda: monotonic() + hours * 3600))
    with ExchangeServer(binance=[frame(1)], history={"BTCUSDT": old_trades(*range(1, 700))}) as server:
        config = settings(server)
        sink = MemorySink(config)
        with running(stream("binance", config), sink, Producers(reconnect_max="50ms")):  # type: ignore[arg-type]
            until(lambda: ids(sink) == [1])
            hours = 1
            until(lambda: server.connections["binance"] == 2)  # after 60 s of silence by default
            server.add("binance", [frame(700)])
            until(lambda: len(ids(sink)) >= 700)
    assert sorted(ids(sink)) == list(range(1, 701))
    assert sink.backfilled == 698


def test_a_gap_waits_until_the_venue_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.missed._PAUSE", 0.001)
    refused = {"/api/v3/historicalTrades": [Reply("busy", 500)] * 4 + [Reply("[{", 200), Reply("busy", 429)]}
    history = {"BTCUSDT": old_trades(2, 3)}
    with ExchangeServer(binance=[frame(1), frame(4)], history=history, faults=refused) as server:
        config = settings(server)
        sink = MemorySink(config)
        with running(stream("binance", config), sink, FAST.model_copy(update={"breaker_pause": timedelta(0)})):
            until(lambda: len(ids(sink)) >= 4)
        assert [status for _, status in server.hits] == [500, 500, 500, 500, 200, 429, 200]
    assert sorted(ids(sink)) == [1, 2, 3, 4]


class Mute(MemorySink):
    """Takes everything, and acknowledges nothing."""

    def send(self, message: Message, *, backfill: bool = False, delivered: Delivered | None = None) -> bool:
        return super().send(message, backfill=backfill)


@pytest.mark.parametrize("lost", [False, True])
def test_a_process_fetches_what_the_one_before_it_did_not_get_or_not_deliver(tmp_path: Path, lost: bool) -> None:
    refused = {"/api/v3/historicalTrades": [Reply("busy", 500)]}
    with ExchangeServer(binance=[frame(1), frame(2), frame(5)], faults=refused) as server:
        config = settings(server, data_dir=tmp_path)
        known = Health("binance", config)
        known.note_id("BTC/USDT", 1)
        known.note()
        first = (Mute if lost else MemorySink)(config)
        with running(stream("binance", config), first, about=Health("binance", config)):
            until(lambda: len(ids(first)) == 3 and len(server.hits) == 1)
        (state,) = states(config)
        assert (state.last_ids, state.gaps) == ({"BTC/USDT": 1 if lost else 5}, [["BTC/USDT", 3, 4]])

        server.history["BTCUSDT"] = old_trades(*range(1, 8))
        server.add("binance", [frame(8)])
        second = MemorySink(config)
        with running(stream("binance", config), second, about=Health("binance", config)):
            until(lambda: len(ids(second)) >= 5 and states(config)[0].gaps == [])
    assert {*ids(second)} == ({2, 3, 4, 5, 6, 7, 8} if lost else {3, 4, 6, 7, 8})


class Answers(Http):
    """A server that answers from a list."""

    def __init__(self, *answers: bytes | Exception) -> None:
        super().__init__("http://127.0.0.1:1", Rss())
        self._answers = list(answers)
        self.asked = 0

    def get(self, query: Mapping[str, str] | None = None) -> bytes | None:
        self.asked += 1
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def scripted(*answers: bytes | Exception, results: Sequence[Message | BadFrame] = ()) -> PollSource:
    """Return a source that is answered from a list, and finds ``results`` in whatever it gets."""
    return PollSource(
        "scripted", ("articles",), Every(timedelta(hours=1)), Answers(*answers), lambda body, received: list(results)
    )


def poll_once(source: PollSource, sink: MemorySink, stop: Event, **producers: Any) -> bool:
    limits = Producers(**producers)
    return runloop.run_poll(source, sink, stop, limits, health(**producers), runloop.Seen(), once=True)


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
    bad = BadFrame("bad_frame", "no date", "articles", original="e")
    source = scripted(*[PollError("HTTP 500")] * 3, b"", results=[article])
    sink, stop = MemorySink(load()), Instant()
    assert poll_once(source, sink, stop)
    assert [int(pause) for pause in stop.pauses] == [2, 4, 8]
    assert sink.messages == [article]
    assert not poll_once(scripted(b"", results=[bad]), sink, stop)
    assert [(letter["message"], letter["error"]) for letter in sink.dead_letters] == [("e", "bad_frame")]


def test_a_poll_has_failed_after_its_last_try_and_the_next_goes_on() -> None:
    source = scripted(*[PollError("HTTP 500")] * 4, b"")
    assert not poll_once(source, MemorySink(load()), Instant())
    assert isinstance(source.request, Answers)
    assert source.request.asked == 4
    assert poll_once(source, MemorySink(load()), Instant())


def test_a_source_that_keeps_failing_is_left_alone() -> None:
    source = scripted(*[PollError("HTTP 500")] * 3, b"")
    assert not poll_once(source, MemorySink(load()), Instant(), breaker_failures=2, breaker_pause="60s")
    assert isinstance(source.request, Answers)
    assert source.request.asked == 2


@pytest.mark.parametrize(("asked", "pause"), [(30.0, 30.0), (99999.0, 3600.0)])
def test_what_the_server_asks_to_wait_is_waited_at_most_an_hour(asked: float, pause: float) -> None:
    stop = Instant()
    assert poll_once(scripted(PollError("HTTP 429", asked), b""), MemorySink(load()), stop)
    assert stop.pauses == [pause]


def test_polls_come_when_due_and_at_once_where_one_was_missed(tmp_path: Path) -> None:
    config = load(data_dir=tmp_path)

    class Twice(Instant):
        """Ends with the second wait."""

        def wait(self, timeout: float | None = None) -> bool:
            super().wait(timeout)
            if len(self.pauses) == 2:
                self.set()
            return self.is_set()

    def pauses(*bodies: bytes) -> list[float]:
        stop = Twice()
        about = Health("scripted", config)
        runloop.run_poll(scripted(*bodies), MemorySink(config), stop, Producers(), about, runloop.Seen())
        return stop.pauses

    now, then = pauses(b"", b"")
    assert now == 0
    assert 3590 < then <= 3600
    assert 3590 < pauses(b"")[0] <= 3600  # a new process knows of the last one's run
    (state,) = states(config)
    assert (state.source, state.state, state.failures) == ("scripted", "stopped", 0)
    file = folder(config) / "scripted.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "last_success": "2026-01-01T00:00:00.000+00:00"}))
    assert pauses(b"", b"")[0] == 0


def test_feeds_are_polled_each_on_its_own() -> None:
    with ExchangeServer(feeds={"/up": [Reply(rss(ITEM))], "/down": [Reply(status=500)]}) as server:
        feeds = {"Down": f"{server.http_url}/down", "Up": f"{server.http_url}/up"}
        config = load(rss={"feeds": feeds})
        sink = MemorySink(config)
        polls = [source for source in sources.make("rss", config) if isinstance(source, PollSource)]
        before = runloop.now_millis()
        done = [poll_once(feed, sink, Event(), retries=0) for feed in polls]
    assert done == [False, True]
    assert [m.value["website"] for m in sink.messages] == ["Up"]
    assert [(beat["source"], beat["topic"]) for beat in sink.heartbeats] == [("rss", "articles")]
    assert sink.heartbeats[0]["event_time"] >= before


def test_a_recorded_feed_replays_to_the_same_articles(tmp_path: Path) -> None:
    file = tmp_path / "feed.jsonl"
    latin = rss(("Caf\u00e9", *ITEM[1:])).replace("UTF-8", "ISO-8859-1").encode("latin-1")
    feed = scripted(latin)
    feed = PollSource("rss:News", feed.topics, feed.schedule, feed.request, feed.parse)
    stop = Instant()

    class Once(Instant):
        """Ends with the second wait."""

        def wait(self, timeout: float | None = None) -> bool:
            super().wait(timeout)
            if len(self.pauses) == 2:
                self.set()
            return self.is_set()

    assert record(feed, file, Once(), load()) == 1
    sink = MemorySink(load())
    assert replay(file, sink, stop, load()).frames == 1
    assert [m.value["title"] for m in sink.messages] == ["Caf\u00e9"]


def test_a_recording_replays_to_the_same_messages(tmp_path: Path) -> None:
    frames = (captures() / "frames" / "kraken_v1.jsonl").read_text().splitlines()
    file = tmp_path / "recording.jsonl"
    with ExchangeServer(kraken=frames) as server:
        config = settings(server)
        live = MemorySink(config)
        source = stream("kraken", config)
        arrivals: list[tuple[str, int]] = []

        def parse(frame: str | bytes, received: int) -> list[Message]:
            raise AssertionError("a recorder does not parse")

        stop = Event()
        recording = StreamSource(source.name, source.topics, source.url, source.subscriptions, parse)
        thread = Thread(target=record, args=(recording, file, stop, config))
        thread.start()
        server.wait_played("kraken")
        until(lambda: file.exists() and frames[-1] in [json.loads(line)["frame"] for line in whole_lines(file)])
        stop.set()
        thread.join(10)
    for line in whole_lines(file):
        content = json.loads(line)
        arrivals.append((content["frame"], content["received"]))
    for frame, received in arrivals:
        runloop.deliver(runloop.parsed(source.parse, frame, received), live)
    replayed = MemorySink(config)
    summary = replay(file, replayed, Event(), config)
    assert summary.frames == len(arrivals)
    assert replayed.payloads == live.payloads
    assert replayed.counts.sent == {"trades": 10, "tickers": 18}


def whole_lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
