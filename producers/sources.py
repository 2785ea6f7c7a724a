"""Every source by name, and what the run loop needs to know of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from producers.message import BadFrame, Message
from tidemark.errors import UserError
from tidemark.settings import Settings

Parser = Callable[[str | bytes, int], list[Message]]  # frame, ingest time in epoch ms


@dataclass(frozen=True)
class StreamSource:
    """A WebSocket: where it is, what to say after connecting, and how to read what it sends."""

    name: str
    url: str
    subscriptions: tuple[str, ...]
    parse: Parser


class PollSource(Protocol):
    """Something asked every ``interval`` seconds. `poll` raises PollError where it fails."""

    name: str
    interval: float

    def poll(self) -> list[Message | BadFrame]:
        """Return what is new."""


STREAMS = ("binance", "kraken")
NAMES = (*STREAMS, "rss")


def parser(name: str) -> Parser:
    """Return a fresh parser for the frames of the stream ``name``. Raises UserError for another name."""
    if name == "binance":
        from producers import binance

        return binance.parse
    if name == "kraken":
        from producers import kraken

        return kraken.KrakenParser()
    raise UserError(f"{name!r} is not a stream.", f"Streams: {', '.join(STREAMS)}.")


def stream(name: str, settings: Settings, pairs: list[str] | None = None) -> StreamSource:
    """Return the stream ``name``, of ``pairs`` instead of those in the settings where given."""
    read = parser(name)
    if name == "binance":
        from producers import binance

        url = binance.stream_url(settings.binance.ws_url, pairs or settings.binance.pairs)
        return StreamSource(name, url, (), read)
    from producers import kraken

    requests = kraken.subscriptions(pairs or settings.kraken.pairs)
    return StreamSource(name, settings.kraken.ws_url, tuple(requests), read)


def polls(settings: Settings) -> list[PollSource]:
    """Return the feeds of the settings; each is polled on its own, they share what was seen."""
    from producers import rss, sentiment

    scorer = sentiment.scorer(settings)
    seen = rss.Seen()
    return [rss.Feed(website, url, settings.rss, seen, scorer) for website, url in settings.rss.feeds.items()]
