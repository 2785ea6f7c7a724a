"""A message in the forms in which it is sent, each made once, however many clients there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import orjson

# By stream what one of its messages is called.
STREAMS = {
    "trades": "trade",
    "tickers": "ticker",
    "alerts": "alert",
    "articles": "article",
}


class Message:
    """What clients are told: what kind of thing it is, the position after it, and its data as JSON."""

    def __init__(self, kind: str, position: str, data: bytes) -> None:
        self.kind = kind
        self.position = position
        self.data = data

    @cached_property
    def text(self) -> bytes:
        """Return the text of a WebSocket's message."""
        return b'{"type":"%b","id":"%b","data":%b}' % (self.kind.encode(), self.position.encode(), self.data)

    @cached_property
    def frame(self) -> bytes:
        """Return that as a frame (RFC 6455, 5.2). A server masks nothing, so that all clients get the same bytes."""
        size = len(self.text)
        if size < 126:
            return b"\x81%c%b" % (size, self.text)
        if size < 65_536:
            return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), self.text)
        return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), self.text)

    @cached_property
    def event(self) -> bytes:
        """Return it as a server-sent event. JSON of orjson has no line breaks."""
        return b"event: %b\nid: %b\ndata: %b\n\n" % (self.kind.encode(), self.position.encode(), self.data)


class Item(Message):
    """A message of a topic: its stream, its pair if it has one, when it happened (ms since the epoch), its number."""

    def __init__(self, stream: str, value: dict[str, Any]) -> None:
        super().__init__(STREAMS[stream], "", orjson.dumps(value))
        self.stream = stream
        self.pair: str | None = value.get("pair")
        self.time: int = value["event_time"]
        self.number = 0


class Chunk:
    """Messages that are sent together, in the forms in which they are; ``end`` is the number that they reach to."""

    def __init__(self, messages: Sequence[Message], end: int) -> None:
        self.messages = messages
        self.end = end

    @cached_property
    def frames(self) -> bytes:
        """Return their frames for a WebSocket."""
        return b"".join(message.frame for message in self.messages)

    @cached_property
    def events(self) -> bytes:
        """Return them as server-sent events."""
        return b"".join(message.event for message in self.messages)
