"""Plays recorded frames through the very parser of the live source, at any speed, at original or shifted
times.

A line is either a raw frame as the exchange sent it, or what `tidemark record` wrote: ``{"received": epoch
ms, "source": name, "frame": text}``. A recording keeps its arrival times. Raw frames have none: there the
newest event time so far stands for it, so what a venue sends without a time gets that of its neighbours, and
a second replay gives the same messages.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Event
from time import monotonic
from typing import NamedTuple

import orjson

from producers import contract, sources
from producers.message import BadFrame, Message
from producers.runloop import deliver, now_millis, parsed
from producers.sink import Sink
from producers.source import Parser
from tidemark.durations import parse_duration
from tidemark.errors import UserError
from tidemark.settings import Settings

_EARLIEST: int = contract.bound("trades", "event_time", "minimum")


class Line(NamedTuple):
    """One frame of a file: its text, its source, and when it arrived (epoch ms; None in a raw file)."""

    frame: str | bytes
    source: str
    received: int | None


@dataclass
class Summary:
    """What a replay read: frames, and how many of these were noise. What came of them is in the sink's
    counts.
    """

    frames: int = 0
    noise: int = 0


def read(path: Path, source: str | None) -> Iterator[Line]:
    """Yield the frames of ``path``; ``source`` is that of raw frames. Blank lines are skipped.

    Raises UserError where a raw frame has no source, or the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for raw in file:
                if text := raw.strip():
                    yield _line(text, source, path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def _line(text: bytes, source: str | None, path: Path) -> Line:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        content = None
    match content:
        case {"received": int(received), "source": str(name), "frame": str(frame)}:
            return Line(frame, name, received)
        case {"received": int(received), "source": str(name), "frame_base64": str(frame)}:
            return Line(base64.b64decode(frame), name, received)
    if source is None:
        raise UserError(f"{path} holds raw frames.", f"Say whose: --source {' or --source '.join(sources.STREAMS)}.")
    return Line(text, source, None)


class _Player:
    """Parses the lines of a file with one parser per source, and keeps the file's clock."""

    def __init__(self, clock: int, settings: Settings) -> None:
        self.clock = clock
        self._settings = settings
        self._parsers: dict[str, Parser] = {}

    def parse(self, line: Line) -> list[Message | BadFrame]:
        """Return the messages of ``line``, and what was wrong with it."""
        if line.source not in self._parsers:
            self._parsers[line.source] = sources.parser(line.source, self._settings)
        arrival = self.clock if line.received is None else line.received
        results = parsed(self._parsers[line.source], line.frame, arrival)
        messages = _messages(results)
        if line.received is not None:
            self.clock = line.received
        else:
            now = now_millis()  # a time in the future is a fault of its message, not the file's time
            self.clock = max([self.clock, *(m.value["event_time"] for m in messages if m.value["event_time"] <= now)])
            for message in messages:
                if "ingest_time" in message.value:
                    message.value["ingest_time"] = self.clock
        return results


def _messages(results: list[Message | BadFrame]) -> list[Message]:
    return [result for result in results if isinstance(result, Message)]


def first_times(lines: Iterator[Line], settings: Settings) -> tuple[int, int] | None:
    """Return when the first message with a plausible time arrived and its event time, both epoch ms; None
    where there is no such message.
    """
    player = _Player(0, settings)  # what has no time of its own in a raw file gets one near 0 and does not count
    for line in lines:
        for message in _messages(player.parse(line)):
            if _EARLIEST <= message.value["event_time"] <= now_millis():
                return player.clock, message.value["event_time"]
    return None


def shift_millis(text: str, first: int) -> int:
    """Return by how many ms ``--shift`` moves a file whose first event time is ``first``: to ``now``, to an
    ISO 8601 time (UTC unless it says otherwise), or by a duration such as ``1h`` or ``-7d``. Raises UserError
    for anything else.
    """
    if text == "now":
        return now_millis() - first
    try:
        distance = -parse_duration(text[1:]) if text.startswith("-") else parse_duration(text.removeprefix("+"))
    except ValueError:
        pass
    else:
        return distance // timedelta(milliseconds=1)
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise UserError(
            f"--shift {text!r} is not understood.",
            "Write now, a time like 2026-01-31T12:00:00Z, or a duration like -7d.",
        ) from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return round(when.timestamp() * 1000) - first


def replay(
    path: Path,
    sink: Sink,
    stop: Event,
    settings: Settings,
    *,
    source: str | None = None,
    speed: float | None = None,
    shift: str | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Summary:
    """Send what the frames of ``path`` say to ``sink``, until the end or until ``stop`` is set.

    ``speed`` 1 is real time, 10 ten times that, None as fast as possible. ``shift`` is what
    :func:`shift_millis` takes; None keeps the original times. What cannot be parsed becomes a dead letter.
    ``progress`` is called after each frame. Raises UserError where the file or the shift is not usable.
    """
    start = first_times(read(path, source), settings)
    clock, first = start or (now_millis(), now_millis())
    delta = 0 if shift is None else shift_millis(shift, first)
    player = _Player(clock, settings)
    began = monotonic()
    summary = Summary()
    for line in read(path, source):
        results = player.parse(line)
        if speed is not None:
            stop.wait(max(0.0, (player.clock - clock) / 1000 / speed - (monotonic() - began)))
        if stop.is_set():
            break
        summary.frames += 1
        summary.noise += not results
        for message in _messages(results):
            for name in ("event_time", "ingest_time"):
                if name in message.value:
                    message.value[name] += delta
        deliver(results, sink)
        progress()
    return summary
