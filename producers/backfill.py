"""Fetches what was before a source was first asked, and sends it marked as a backfill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

from producers.health import Health
from producers.message import PollError
from producers.polling import bodies
from producers.runloop import deliver, now_millis, parsed
from producers.sink import Sink
from producers.source import PollSource
from tidemark.settings import Settings


def backfill(
    parts: Sequence[PollSource],
    sink: Sink,
    stop: Event,
    settings: Settings,
    progress: Callable[[], None] = lambda: None,
) -> list[str]:
    """Ask each of ``parts`` once, as a poll is asked (retries, Retry-After, circuit breaker), until ``stop`` is set.

    Returns the names of those that did not answer. ``progress`` is called after each.
    """
    failed = []
    for part in parts:
        health = Health(part.name, settings, keep=False)  # its own: what is wrong with one coin stops no other
        try:
            for body in bodies(part, stop, settings.producers, health, once=True):
                deliver(parsed(part.parse, body or b"", now_millis()), sink, backfill=True)
        except PollError:
            failed.append(part.name)
        progress()
    return failed
