"""What a source produces: messages, and the frames that could not be made into any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message for Kafka.

    ``topic`` is the logical name (``trades``, ``tickers``, ``articles``: the stem of its schema file),
    ``key`` what it is partitioned by, ``value`` its fields in the schema's order.
    """

    topic: str
    key: str
    value: dict[str, Any]


class BadFrame(Exception):  # noqa: N818 - it is a finding, not a failure
    """What a venue sent is not what it documents.

    ``code`` is one of the codes in schemas/dead_letters.avsc, ``detail`` names the fault, ``topic`` is the
    logical topic it was meant for. ``good`` are messages of the same frame that are sound; ``original`` is
    the text to keep where that is not the whole frame.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        topic: str = "trades",
        good: tuple[Message, ...] = (),
        original: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.topic = topic
        self.good = good
        self.original = original


class PollError(Exception):
    """A polled source could not be read. ``retry_after``: seconds the server asks to wait, or None."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
