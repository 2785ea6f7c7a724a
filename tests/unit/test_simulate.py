"""`simulate` sends what the market holds, and the truth accounts for every message."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from producers import contract, simulate
from producers.market import MINUTE, Divergence, Jump, Market, MarketConfig, Outage, Surge
from producers.message import Message
from producers.simulate import Progress, TopicTruth, Truth, start_of
from producers.sink import KafkaSink, MemorySink, SendError
from tidemark.errors import UserError
from tidemark.settings import Settings

START = 1_760_000_000_000
SMALL = MarketConfig(START, minutes=8, coins=3, trades_per_second=2, duplicates=0.05, late=0.05, malformed=0.05)
COUNTS = st.integers(0, 10**9)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def sink(settings: Settings) -> MemorySink:
    return MemorySink(settings)


def test_everything_is_sent_in_order_of_arrival(settings: Settings, sink: MemorySink) -> None:
    simulate.simulate(settings, sink, SMALL)
    expected = [
        (a.message.topic, a.message.key, a.payload if a.kind == "malformed" else contract.encode(a.message.value))
        for a in Market(SMALL).arrivals()
    ]
    assert sink.payloads == expected


def test_the_truth_accounts_for_every_message(settings: Settings, sink: MemorySink) -> None:
    truth = simulate.simulate(settings, sink, SMALL)
    assert truth.complete
    assert (truth.seed, truth.start_ms, truth.end_ms) == (7, START, START + 8 * MINUTE)
    for topic, counts in truth.topics.items():
        payloads = Counter(payload for name, _, payload in sink.payloads if name == topic)
        assert counts.sent == payloads.total()
        assert counts.sent == counts.valid_unique + counts.duplicates + sum(counts.malformed.values())
        # Counted anew from what was sent alone.
        valid = Counter({payload: n for payload, n in payloads.items() if _valid(topic, payload)})
        assert counts.valid_unique == len(valid)
        assert counts.duplicates == valid.total() - len(valid)
    assert truth.topics["trades"].late > 0
    assert not any(counts.late for topic, counts in truth.topics.items() if topic != "trades")
    assert set(truth.topics) == {"trades", "tickers", "articles", "prices", "market_sentiment", "macro"}
    assert all(counts.sent > counts.valid_unique > 0 for counts in truth.topics.values())
    assert truth.articles == 8
    assert {jump.decoy for jump in truth.jumps} == {True, False}


def test_the_truth_tells_what_was_missed_and_what_was_off(settings: Settings, sink: MemorySink) -> None:
    config = replace(SMALL, minutes=30, late=0, duplicates=0, malformed=0, outages=2)
    truth = simulate.simulate(settings, sink, config)
    assert len(truth.outages) == 2
    for outage in truth.outages:
        mine = {
            int(json.loads(payload)["trade_id"])
            for topic, key, payload in sink.payloads
            if (topic, key) == ("trades", outage.pair)
        }
        assert set(range(min(mine), max(mine) + 1)) - mine == set(range(outage.first_id, outage.first_id + outage.lost))
    assert truth.topics["trades"].late == sum(outage.returned for outage in truth.outages) > 0
    assert truth.divergences == Market(config).divergences != []


def _valid(topic: str, payload: bytes) -> bool:
    try:
        contract.check(topic, json.loads(payload))
    except (json.JSONDecodeError, contract.ContractError):
        return False
    return True


def test_the_truth_is_written_beside_the_data_unless_told_otherwise(
    settings: Settings, sink: MemorySink, tmp_path: Path
) -> None:
    config = replace(SMALL, minutes=1)
    truth = simulate.simulate(settings, sink, config)
    assert Truth.read(tmp_path / "simulations" / "20251009T085320.000Z-7.json") == truth
    simulate.simulate(settings, sink, config, truth_file=tmp_path / "elsewhere.json")
    assert Truth.read(tmp_path / "elsewhere.json") == truth


def test_a_truth_that_cannot_be_written_is_said(settings: Settings, sink: MemorySink, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"could not be written to .*file/truth\.json"):
        simulate.simulate(settings, sink, replace(SMALL, minutes=1), truth_file=tmp_path / "file" / "truth.json")


@given(
    st.builds(
        Truth,
        topics=st.dictionaries(
            st.text(), st.builds(TopicTruth, COUNTS, COUNTS, COUNTS, COUNTS, st.dictionaries(st.text(), COUNTS))
        ),
        jumps=st.lists(st.builds(Jump, pct=st.floats(-4, 4))),
        outages=st.lists(st.builds(Outage)),
        divergences=st.lists(st.builds(Divergence, pct=st.floats(-4, 4))),
        surges=st.lists(st.builds(Surge, factor=st.floats(8, 12))),
    )
)
def test_the_truth_survives_its_file(tmp_path_factory: pytest.TempPathFactory, truth: Truth) -> None:
    path = tmp_path_factory.mktemp("truth") / "truth.json"
    truth.write(path)
    assert Truth.read(path) == truth


def test_progress_goes_up_to_the_end(settings: Settings, sink: MemorySink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "_REPORT_EVERY", 0)
    seen: list[Progress] = []
    simulate.simulate(settings, sink, replace(SMALL, minutes=1), seen.append)
    assert seen == sorted(seen, key=lambda p: (p.fraction, p.event_time_ms, p.messages))
    assert seen[-1].fraction == 1
    assert seen[-1].messages == len(sink.payloads)
    assert all(START <= p.event_time_ms < START + MINUTE for p in seen)


class Clock:
    """Stands for time and for the flag that is waited on: waiting is what makes it go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def is_set(self) -> bool:
        return False


def test_speed_keeps_the_pace_of_event_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(simulate, "time", clock)
    sent: list[float] = []

    class TimedSink(MemorySink):
        def _put(self, topic: str, *args: Any, **kwargs: Any) -> None:
            sent.append(clock.now)
            clock.now += 0.003  # taking a message takes time, which must not add up

    simulate.simulate(settings, TimedSink(settings), SMALL, speed=4, stop=clock)  # type: ignore[arg-type]
    due = [1000 + (arrival.at_ms - START) / 1000 / 4 for arrival in Market(SMALL).arrivals()]
    assert all(-0.011 <= at - plan < 0.05 for at, plan in zip(sent, due, strict=True))


def test_it_stops_early_in_good_order(settings: Settings) -> None:
    stop = Event()
    flushed: list[int] = []

    class StoppingSink(MemorySink):
        def _put(self, topic: str, *args: Any, **kwargs: Any) -> None:
            super()._put(topic, *args, **kwargs)
            if len(self.payloads) == 2000:
                stop.set()

        def flush(self) -> None:
            flushed.append(len(self.payloads))

    sink = StoppingSink(settings)
    truth = simulate.simulate(settings, sink, SMALL, stop=stop)
    assert not truth.complete
    assert sum(counts.sent for counts in truth.topics.values()) == len(sink.payloads) == 2000
    assert flushed == [2000]
    newest = max(
        m.value["event_time"] for m in (a.message for a, _ in zip(Market(SMALL).arrivals(), range(2000), strict=False))
    )
    assert all(jump.end_ms < newest for jump in truth.jumps)
    assert len(truth.jumps) < len(Market(SMALL).jumps)


def test_stopping_does_not_wait_for_the_next_message(settings: Settings, sink: MemorySink) -> None:
    stop = Event()
    stop.set()
    begun = time.monotonic()
    truth = simulate.simulate(settings, sink, SMALL, speed=0.0001, stop=stop)
    assert time.monotonic() - begun < 30
    assert not sink.payloads
    assert not truth.complete


def test_a_sink_that_loses_messages_is_not_hidden(settings: Settings, tmp_path: Path) -> None:
    class LosingSink(MemorySink):
        def flush(self) -> None:
            raise SendError(3, "no leader")

    with pytest.raises(SendError):
        simulate.simulate(settings, LosingSink(settings), replace(SMALL, minutes=1))
    assert not list(tmp_path.glob("simulations/*"))


NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("start", "speed", "expected"),
    [
        (None, None, NOW - 30 * MINUTE),
        (None, 1.0, NOW - 30 * MINUTE),
        ("now", 1.0, NOW),
        ("now", 0.5, NOW),
        ("2026-01-31T12:00:00", None, 1_769_860_800_000),
        ("2026-01-31T12:00:00Z", None, 1_769_860_800_000),
        ("2026-01-31T13:00:00+01:00", 60.0, 1_769_860_800_000),
    ],
)
def test_when_it_starts(start: str | None, speed: float | None, expected: int) -> None:
    assert start_of(start, 30, speed, NOW) == expected


@pytest.mark.parametrize(
    ("start", "speed", "message"),
    [
        ("now", None, "into the future"),
        ("now", 2.0, "into the future"),
        ("2027-01-15T08:00:01Z", 1.0, "into the future"),
        ("2027-01-15T07:45:00Z", None, "into the future"),
        ("yesterday", None, "is not a time"),
        ("1999-01-01", None, "no coin was traded"),
    ],
)
def test_when_it_cannot_start(start: str, speed: float | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        start_of(start, 30, speed, NOW)


@pytest.fixture
def app(settings: Settings, sink: MemorySink, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr(simulate, "read_settings", lambda: settings)
    monkeypatch.setattr(simulate, "KafkaSink", lambda _: sink)
    app = typer.Typer()
    simulate.register(app)
    app.callback()(lambda: None)
    return app


def test_the_command_sends_and_says_what(app: typer.Typer, sink: MemorySink, tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    command = ["simulate", "--minutes", "8", "--seed", "3", "--coins", "3", "--malformed", "0.05", "--truth", str(path)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    truth = Truth.read(path)
    assert truth.seed == 3
    assert truth.end_ms <= time.time_ns() // 1_000_000
    assert f"trades: {truth.topics['trades'].sent:,} sent = " in result.output
    assert str(path) in result.output.replace("\n", "")
    assert sum(counts.sent for counts in truth.topics.values()) == len(sink.payloads)
    assert not sink.dead_letters


@pytest.mark.parametrize("speed", ["fast", "0", "-1", "inf", "nan"])
def test_a_wrong_speed_is_said(app: typer.Typer, speed: str) -> None:
    result = CliRunner().invoke(app, ["simulate", f"--speed={speed}"])
    assert isinstance(result.exception, UserError)
    assert "is no speed" in str(result.exception)


def test_without_kafka_one_sentence_is_said(
    app: typer.Typer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: Settings) -> KafkaSink:
        raise UserError("Kafka does not answer at 127.0.0.1:1.")

    monkeypatch.setattr(simulate, "KafkaSink", unreachable)
    result = CliRunner().invoke(app, ["simulate"])
    assert isinstance(result.exception, UserError)


def test_messages_lost_become_one_sentence(app: typer.Typer, sink: MemorySink, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(message: Message, *, backfill: bool) -> None:
        raise SendError(1, f"{message.topic} has no leader")

    monkeypatch.setattr(sink, "send", lose)
    result = CliRunner().invoke(app, ["simulate", "--minutes", "1"])
    assert isinstance(result.exception, UserError)
    assert "1 messages were not delivered" in str(result.exception)
