"""News from RSS and Atom feeds: plain text, coins mentioned, sentiment; the same article once.

An article is its canonical URL: the same one in another feed or under an edited title has the same id. Feeds
are fetched with a conditional GET, so an unchanged one costs a 304.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import feedparser

from producers import sentiment
from producers.http import Http
from producers.mentions import mentions
from producers.message import BadFrame, Message
from producers.source import Parser, PollSource, Source
from tidemark.settings import Settings

SOURCE = "rss"

_TRACKING = re.compile(r"utm_.*|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|ref|ref_src|source|cmpid|ncid|yclid|_hs.*")
_PORTS = {"http": ":80", "https": ":443"}
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


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
    feed = feedparser.parse(BytesIO(body))  # bytes alone might be taken for a file name or an address
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
    url = canonical_url(entry.get("link") or "")
    title = plain_text(entry.get("title") or "")
    if not title:
        raise ValueError("no title")
    published = entry.get("published_parsed") or entry.get("updated_parsed")  # UTC
    if published is None:
        raise ValueError("no date of publication")
    summary = plain_text(entry.get("summary") or "")
    spoken = f"{title}. {summary}"
    article = hashlib.sha256(url.encode()).hexdigest()
    value = {
        "id": article,
        "title": title,
        "url": url,
        "website": website,
        "summary": summary,
        "cryptocurrencies_mentioned": mentions(spoken),
        "sentiment": sentiment.score(spoken, scorer),
        "source": SOURCE,
        "event_time": calendar.timegm(published) * 1000,
        "ingest_time": ingest_time,
    }
    return Message("articles", article, value)


def canonical_url(url: str) -> str:
    """Return the one way to write the address of an article: no tracking parameters, fragment, default port
    or trailing slash; scheme and host in lower case. Raises ValueError for what is no http(s) address.
    """
    parts = urlsplit(url.strip())
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{ascii(url)[:200]} is not an http(s) address")
    host = parts.netloc.rpartition("@")[2].lower().removesuffix(_PORTS[scheme])
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if not _tracks(name)]
    path = parts.path.rstrip("/").encode("utf-8", "replace").decode()
    return urlunsplit((scheme, host, path, urlencode(query, errors="replace"), ""))


def _tracks(parameter: str) -> bool:
    return _TRACKING.fullmatch(parameter.lower()) is not None


class _Text(HTMLParser):
    """Gathers the text of HTML, without scripts and styles."""

    _HIDDEN = ("script", "style")

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in self._HIDDEN
        if tag not in _INLINE:
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self._HIDDEN and self._hidden > 0
        if tag not in _INLINE:
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


_INLINE = ("a", "abbr", "b", "code", "em", "i", "mark", "small", "span", "strong", "sub", "sup", "u")


def plain_text(html: str) -> str:
    """Return the text of ``html`` on one line: no tags, entities resolved, no control characters."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    return _SPACE.sub(" ", "".join(parser.pieces).encode("utf-8", "replace").decode()).strip()
