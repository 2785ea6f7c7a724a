"""The Fear & Greed index of alternative.me, one value a day.

Format: https://alternative.me/crypto/fear-and-greed-index/#api. Numbers are texts, the time is in seconds.
"""

from __future__ import annotations

import re
from typing import Any

from producers.frames import decode, each, seconds_millis, text
from producers.http import Http
from producers.message import BadFrame, Message
from producers.source import Parser, PollSource, Source
from tidemark.settings import Settings

SOURCE = "fear_greed"

_PUBLISHER = "alternative.me"  # what its messages have as their source
_DAYS = 10  # asked for each time, so that what was missed in so many days is caught up
_INTEGER = re.compile(r"\d{1,9}", re.ASCII)


def sources(settings: Settings) -> list[Source]:
    """Return the one source."""
    group = settings.fear_greed
    request = Http(group.url, group, {"limit": str(_DAYS)})
    return [PollSource(SOURCE, ("market_sentiment",), group.schedule, request, parse)]


def parser(part: str, settings: Settings) -> Parser:
    """Return the parser of its answers."""
    return parse


def parse(body: str | bytes, ingest_time: int) -> list[Message | BadFrame]:
    """Return the value of each day in an answer, or a BadFrame for a day without one. Raises BadFrame where it is not a
    list of days.
    """
    content = decode(body, "market_sentiment")
    if type(content) is not dict:
        raise BadFrame("bad_frame", "expected an object", "market_sentiment")
    metadata = content.get("metadata")
    if type(metadata) is dict and metadata.get("error") is not None:
        raise BadFrame("bad_frame", f"refused: {ascii(metadata['error'])[:200]}", "market_sentiment")
    return each(content.get("data"), "market_sentiment", "day", _day)


def _day(item: Any) -> Message:
    index = text(item["value"])
    if not _INTEGER.fullmatch(index):
        raise ValueError(f"{ascii(index)[:40]} is not an integer")
    value = {
        "source": _PUBLISHER,
        "value": int(index),
        "classification": text(item["value_classification"]),
        "event_time": seconds_millis(item["timestamp"]),
    }
    return Message("market_sentiment", _PUBLISHER, value)
