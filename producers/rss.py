"""News from RSS and Atom feeds: plain text, coins mentioned, sentiment; the same article once.

An article is its canonical URL: the same one in another feed or under an edited title has the same id. Feeds
are fetched with a conditional GET, so an unchanged one costs a 304.
"""

from __future__ import annotations

import calendar
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from io import BytesIO
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import feedparser
import requests
import structlog

from producers import sentiment
from producers.mentions import mentions
from producers.message import BadFrame, Message, PollError
from tidemark.settings import Rss

log = structlog.get_logger(__name__)

SOURCE = "rss"

_TRACKING = re.compile(r"utm_.*|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|ref|ref_src|source|cmpid|ncid|yclid|_hs.*")
_PORTS = {"http": ":80", "https": ":443"}
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
_CHUNK = 65536
_REMEMBERED = 50_000  # ids; the feeds hold a few hundred articles


class Seen:
    """Remembers ids, the newest ones up to a bound. Shared by all feeds of a process."""

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._size = size
        self._lock = Lock()

    def add(self, article: str) -> bool:
        """Remember ``article``; return whether it is new."""
        with self._lock:
            if article in self._ids:
                self._ids.move_to_end(article)
                return False
            self._ids[article] = None
            if len(self._ids) > self._size:
                self._ids.popitem(last=False)
            return True


class Feed:
    """One feed: fetched when `poll` is called, its new articles returned."""

    def __init__(
        self, website: str, url: str, settings: Rss, seen: Seen, scorer: sentiment.Scorer = sentiment.vader
    ) -> None:
        self.name = f"{SOURCE}:{website}"
        self.interval = settings.schedule.interval.total_seconds()  # type: ignore[union-attr]
        self._website = website
        self._url = url
        self._settings = settings
        self._seen = seen
        self._scorer = scorer
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "tidemark (+RSS reader)"
        self._validators: dict[str, str] = {}

    def poll(self) -> list[Message | BadFrame]:
        """Return the articles not seen before, and a BadFrame for each entry that is none.

        Raises PollError where the feed cannot be fetched or read.
        """
        fetched = self._fetch()
        if fetched is None:
            return []
        body, validators = fetched
        results = list(parse(body, self._website, time.time_ns() // 1_000_000, self._scorer))
        self._validators = validators  # only now: what could not be read is fetched again in full
        return [r for r in results if self._seen.add(r.key if isinstance(r, Message) else f"bad:{r.original}")]

    def _fetch(self) -> tuple[bytes, dict[str, str]] | None:
        """Return the feed and what to ask with next time, or None where it has not changed."""
        deadline = time.monotonic() + self._settings.timeout.total_seconds()
        try:
            with self._session.get(
                self._url,
                headers=self._validators,
                timeout=self._settings.timeout.total_seconds(),
                stream=True,
            ) as response:
                if response.status_code == requests.codes.not_modified:
                    return None
                if not response.ok:
                    raise PollError(f"HTTP {response.status_code}", retry_after(response.headers.get("Retry-After")))
                body = bytearray()
                for chunk in response.iter_content(_CHUNK):
                    body += chunk
                    if len(body) > self._settings.max_bytes:
                        raise PollError(f"longer than {self._settings.max_bytes} bytes (rss.max_bytes)")
                    if time.monotonic() > deadline:
                        raise PollError("took longer than rss.timeout")
        except requests.RequestException as error:
            raise PollError(f"{type(error).__name__}: {error}") from None
        names = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
        found = {ask: response.headers[name] for name, ask in names.items() if name in response.headers}
        return bytes(body), found


def retry_after(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (it holds seconds or an HTTP date), or None."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())


def parse(
    body: bytes, website: str, ingest_time: int, scorer: sentiment.Scorer = sentiment.vader
) -> Iterator[Message | BadFrame]:
    """Yield the article of each entry of a feed, or a BadFrame for an entry without link, title or date.

    Raises PollError where ``body`` is no feed.
    """
    feed = feedparser.parse(BytesIO(body))  # bytes alone might be taken for a file name or an address
    if not feed.get("version") and not feed.entries:
        raise PollError(f"not an RSS or Atom feed: {feed.get('bozo_exception', 'no entries')}")
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
