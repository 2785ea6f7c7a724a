"""What the run loop needs to know of a source: a stream that is listened to, or one that is asked on a schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from producers.http import Http
from producers.message import BadFrame, Message
from tidemark.schedules import Cron, Every

# Of a frame (or the body of an answer) and the epoch ms it arrived at, makes the messages in it, and a BadFrame for
# each part that is none. Raises BadFrame where all of it is none.
Parser = Callable[[str | bytes, int], Iterable[Message | BadFrame]]
# Fetches the trades of a pair with the ids from the first to the last, or as many of them as one answer holds.
FetchTrades = Callable[[str, int, int], list[Message]]


@dataclass(frozen=True)
class StreamSource:
    """A WebSocket: where it is, what to say after connecting, and how to read what it sends.

    A connection older than ``max_age`` is replaced, as is one after a frame of which ``ends_connection`` is true: the
    venue announces with it that it will close. ``fetch_missed`` is there where trade ids are consecutive per pair, so
    that a gap shows, and the venue gives missed trades on demand; it raises PollError.
    """

    name: str
    topics: tuple[str, ...]
    url: str
    subscriptions: tuple[str, ...]
    parse: Parser
    max_age: timedelta = timedelta(hours=23)
    fetch_missed: FetchTrades | None = None
    ends_connection: Callable[[str], bool] | None = None


@dataclass(frozen=True)
class PollSource:
    """Something asked on a ``schedule``. ``name`` is the source's, with a part where it has several: rss:CoinDesk."""

    name: str
    topics: tuple[str, ...]
    schedule: Every | Cron
    request: Http
    parse: Parser


Source = StreamSource | PollSource
