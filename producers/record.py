"""Writes a stream's frames to a file as they arrive, for `tidemark replay`."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from time import monotonic

import orjson

from producers.runloop import frames
from producers.sources import StreamSource
from tidemark.errors import UserError
from tidemark.settings import Producers


def record(source: StreamSource, path: Path, stop: Event, limits: Producers, seconds: float | None = None) -> int:
    """Append the frames of ``source`` to ``path`` until ``stop`` is set or ``seconds`` have passed; return
    how many.

    One line a frame: ``{"received": epoch ms, "source": name, "frame": the text as sent}``. Raises UserError
    where the file cannot be written.
    """
    count = 0
    ending = _Deadline(stop, seconds)
    try:
        with path.open("ab") as file:
            for frame, received in frames(source, ending, limits):
                line = {"received": received, "source": source.name, "frame": frame}
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                file.flush()  # a recorder that is killed loses nothing
                count += 1
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from None
    return count


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
