"""Writes a source's frames to a file as they arrive, for `tidemark replay`."""

from __future__ import annotations

import base64
from pathlib import Path
from threading import Event
from time import monotonic

import orjson

from producers.connection import frames
from producers.health import Health
from producers.polling import bodies
from producers.runloop import now_millis
from producers.source import Source, StreamSource
from tidemark.errors import UserError
from tidemark.settings import Settings


def record(source: Source, path: Path, stop: Event, settings: Settings, seconds: float | None = None) -> int:
    """Append the frames of ``source`` (the bodies of its answers, where it is polled) to ``path`` until ``stop`` is
    set or ``seconds`` have passed; return how many.

    One line a frame: ``{"received": epoch ms, "source": name, "frame": the text as sent}``; bytes that are no UTF-8
    are ``frame_base64`` instead. Raises UserError where the file cannot be written.
    """
    count = 0
    ending = _Deadline(stop, seconds)
    health = Health(source.name, settings, keep=False)
    limits = settings.producers
    try:
        with path.open("ab") as file:
            for frame in (
                frames(source, ending, limits, health)
                if isinstance(source, StreamSource)
                else bodies(source, ending, limits, health)
            ):
                if frame is None:
                    continue
                line = {"received": now_millis(), "source": source.name, **_text(frame)}
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                file.flush()  # a recorder that is killed loses nothing
                count += 1
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from None
    return count


def _text(frame: str | bytes) -> dict[str, str]:
    if isinstance(frame, str):
        return {"frame": frame}
    try:
        return {"frame": frame.decode()}
    except UnicodeDecodeError:
        return {"frame_base64": base64.b64encode(frame).decode()}


class _Deadline(Event):
    """Set once ``stop`` is, or the time is up."""

    def __init__(self, stop: Event, seconds: float | None) -> None:
        super().__init__()
        self._stop = stop
        self._end = None if seconds is None else monotonic() + seconds

    def is_set(self) -> bool:
        return self._stop.is_set() or (self._end is not None and monotonic() >= self._end)

    def wait(self, timeout: float | None = None) -> bool:
        left = timeout if self._end is None else max(0.0, self._end - monotonic())
        self._stop.wait(left if timeout is None or left is None else min(left, timeout))
        return self.is_set()
