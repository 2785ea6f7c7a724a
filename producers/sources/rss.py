"""News from RSS and Atom feeds, fetched with a conditional GET, so that an unchanged one costs a 304.

Formats: https://www.rssboard.org/rss-specification and https://www.rfc-editor.org/rfc/rfc4287 (Atom), as feedparser
reads them.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import feedparser

from producers import sentiment
from producers.articles import article
from producers.http import Http
from producers.message import BadFrame, Message
from producers.source import Parser, PollSource, Source
from tidemark.settings import Settings

SOURCE = "rss"


def sources(settings: Settings) -> list[Source]:
    """Return one source per feed: each is asked, and may fail, on its own."""
    group = settings.rss
    return [
        PollSource(f"{SOURCE}:{website}", ("articles",), group.schedule, Http(url, group), parser(website, settings))
        for website, url in group.feeds.items()
    ]


def parser(website: str, settings: Settings) -> Parser:
    """Return the parser of the feed of ``website``."""
    scorer = sentiment.scorer(settings)

    def read(body: str | bytes, ingest_time: int) -> Iterator[Message | BadFrame]:
        return parse(body.encode() if isinstance(body, str) else body, website, ingest_time, scorer)

    return read


def parse(body: bytes, website: str, ingest_time: int, scorer: sentiment.Scorer) -> Iterator[Message | BadFrame]:
    """Yield the article of each entry of a feed, or a BadFrame for an entry without link, title or date.

    Raises BadFrame where ``body`` is no feed.
    """
    try:
        feed = feedparser.parse(BytesIO(body))  # bytes alone might be taken for a file name or an address
    except Exception as error:  # noqa: BLE001 - of many kinds: a declared encoding with a NUL in it is a ValueError
        raise BadFrame("bad_frame", f"{website}: not an RSS or Atom feed: {error}", "articles") from None
    if not feed.get("version") and not feed.entries:
        reason = feed.get("bozo_exception", "no entries")
        raise BadFrame("bad_frame", f"{website}: not an RSS or Atom feed: {reason}", "articles")
    for entry in feed.entries:
        try:
            yield _article(entry, website, ingest_time, scorer)
        except ValueError as error:  # noqa: PERF203 - each entry for itself
            original = str({name: entry[name] for name in entry if not name.endswith("_parsed")})
            yield BadFrame("bad_frame", f"{website}: {error}", "articles", original=original)


def _article(entry: Any, website: str, ingest_time: int, scorer: sentiment.Scorer) -> Message:
    published = entry.get("published_parsed") or entry.get("updated_parsed")  # UTC
    if published is None:
        raise ValueError("no date of publication")
    return article(
        source=SOURCE,
        website=website,
        url=entry.get("link") or "",
        title=entry.get("title") or "",
        summary=entry.get("summary") or "",
        event_time=calendar.timegm(published) * 1000,
        ingest_time=ingest_time,
        scorer=scorer,
    )
