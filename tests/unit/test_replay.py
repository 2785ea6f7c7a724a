from __future__ import annotations

import json
import time
from pathlib import Path
from threading import Event

import pytest

from producers.replay import replay, shift_millis
from producers.sink import MemorySink
from tests.captures import captures
from tests.exchange.server import binance_frames
from tidemark.errors import UserError
from tidemark.settings import load

FIRST = 1_700_000_000_000


def trade(number: int, event_time: int) -> str:
    event = {"e": "trade", "s": "BTCUSDT", "t": number, "p": "1", "q": "1", "T": event_time, "m": True}
    return json.dumps(event)


def ticker(last: str) -> str:
    return json.dumps([1, {"c": [last], "b": ["1"], "a": ["1"], "v": ["1", "1"]}, "ticker", "XBT/USD"])


class Paced(Event):
    """Notes when the replay would have waited until, in seconds after its start, without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0)
        return False


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink(load())


def write(path: Path, *lines: str) -> Path:
    file = path / "frames.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


@pytest.mark.parametrize(
    ("capture", "source", "frames", "noise", "sent"),
    [
        ("binance", "binance", 265, 263, {"trades": 2}),
        ("kraken_v1", "kraken", 149, 123, {"trades": 10, "tickers": 18}),
        ("kraken_v2", "kraken", 6, 4, {"trades": 2, "tickers": 1}),
    ],
)
def test_captures(sink: MemorySink, capture: str, source: str, frames: int, noise: int, sent: dict[str, int]) -> None:
    file = captures() / "frames" / f"{capture}.jsonl"
    summary = replay(file, sink, Event(), load(), source=source)
    assert (summary.frames, summary.noise) == (frames, noise)
    assert sink.counts.sent == sent
    assert sink.counts.dead == {}
    again = MemorySink(load())
    replay(file, again, Event(), load(), source=source)
    assert again.payloads == sink.payloads  # nothing of the present is in it


def test_the_2001_real_trades(sink: MemorySink, tmp_path: Path) -> None:
    frames = binance_frames(captures() / "trades" / "binance_btcusdt_2021-01-08.csv")
    replay(write(tmp_path, *frames), sink, Event(), load(), source="binance")
    assert [m.value["event_time"] for m in sink.messages] == [json.loads(frame)["data"]["T"] for frame in frames]


def test_lines_that_are_no_frames_become_dead_letters(sink: MemorySink, tmp_path: Path) -> None:
    file = write(tmp_path, trade(1, FIRST), "nonsense", "", '{"received": 1}', trade(2, FIRST))
    summary = replay(file, sink, Event(), load(), source="binance")
    assert summary.frames == 4
    assert [m.value["trade_id"] for m in sink.messages] == ["1", "2"]
    assert [(d["message"], d["error"]) for d in sink.dead_letters] == [
        ("nonsense", "not_json"),
        ('{"received": 1}', "bad_frame"),
    ]


def test_what_has_no_time_gets_that_of_its_neighbours(sink: MemorySink, tmp_path: Path) -> None:
    v1_trade = json.dumps([1, [["1", "1", "1700000000.500", "b", "l", ""]], "trade", "XBT/USD"])
    replay(write(tmp_path, ticker("1"), v1_trade, ticker("2")), sink, Event(), load(), source="kraken")
    assert [m.value["event_time"] for m in sink.messages] == [FIRST + 500, FIRST + 500, FIRST + 501]


def test_one_trade_of_the_far_future_does_not_move_the_clock(sink: MemorySink, tmp_path: Path) -> None:
    far = json.dumps([1, [["1", "1", "99999999999.0", "b", "l", ""]], "trade", "XBT/USD"])
    near = far.replace("99999999999.0", "1700000000.0")
    replay(write(tmp_path, far, near, ticker("1")), sink, Event(), load(), source="kraken")
    assert [m.value["event_time"] for m in sink.messages] == [FIRST, FIRST]
    assert [letter["error"] for letter in sink.dead_letters] == ["time_out_of_range"]


@pytest.mark.parametrize(("speed", "last"), [(1.0, 10.0), (10.0, 1.0), (0.5, 20.0)])
def test_the_pace_follows_the_event_times(sink: MemorySink, tmp_path: Path, speed: float, last: float) -> None:
    file = write(tmp_path, trade(1, FIRST), trade(2, FIRST + 5000), trade(3, FIRST + 10_000))
    stop = Paced()
    replay(file, sink, stop, load(), source="binance", speed=speed)
    assert stop.waits == pytest.approx([0, last / 2, last], abs=0.5)


def test_the_pace_of_a_recording_follows_the_arrivals(sink: MemorySink, tmp_path: Path) -> None:
    arrivals = (0, 2000, 3000)
    lines = [json.dumps({"received": FIRST + at, "source": "binance", "frame": trade(at, FIRST)}) for at in arrivals]
    stop = Paced()
    replay(write(tmp_path, *lines), sink, stop, load(), speed=1.0)
    assert stop.waits == pytest.approx([0, 2, 3], abs=0.5)
    assert [m.value["ingest_time"] for m in sink.messages] == [FIRST + at for at in arrivals]


def test_at_full_speed_there_is_no_pause(sink: MemorySink, tmp_path: Path) -> None:
    stop = Paced()
    replay(write(tmp_path, trade(1, FIRST), trade(2, FIRST + 60_000)), sink, stop, load(), source="binance")
    assert stop.waits == []


def test_shifted_times_keep_their_distances(sink: MemorySink, tmp_path: Path) -> None:
    file = write(tmp_path, trade(1, FIRST), trade(2, FIRST + 750))
    before = time.time_ns() // 1_000_000
    replay(file, sink, Event(), load(), source="binance", shift="now")
    one, two = (m.value["event_time"] for m in sink.messages)
    assert before <= one <= time.time_ns() // 1_000_000
    assert two - one == 750


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", 3_600_000),
        ("+1h", 3_600_000),
        ("-7d", -604_800_000),
        ("2023-11-14T22:13:21Z", 1000),
        ("2023-11-14T22:13:21", 1000),
        ("2023-11-15T00:13:20+02:00", 0),
    ],
)
def test_shifts(text: str, expected: int) -> None:
    assert shift_millis(text, FIRST) == expected


@pytest.mark.parametrize("text", ["", "later", "-", "1", "2023-99-01"])
def test_no_shift(text: str) -> None:
    with pytest.raises(UserError, match="not understood"):
        shift_millis(text, FIRST)


def test_raw_frames_need_their_source(sink: MemorySink, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="raw frames") as caught:
        replay(write(tmp_path, trade(1, FIRST)), sink, Event(), load())
    assert "--source binance" in caught.value.hint


def test_a_missing_file_is_said(sink: MemorySink, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        replay(tmp_path / "none", sink, Event(), load(), source="binance")


def test_a_stopped_replay_ends(sink: MemorySink, tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    assert replay(write(tmp_path, trade(1, FIRST)), sink, stop, load(), source="binance").frames == 0
