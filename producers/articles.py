"""What every source of news shares: one canonical address per article, plain text, coins mentioned, sentiment.

An article is its canonical URL: the same one from another source or under an edited title has the same id.
"""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from producers import sentiment
from producers.mentions import mentions
from producers.message import Message

_TRACKING = re.compile(r"utm_.*|fbclid|gclid|dclid|msclkid|mc_[ce]id|igshid|ref|ref_src|source|cmpid|ncid|yclid|_hs.*")
_PORTS = {"http": ":80", "https": ":443"}
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


def article(
    *,
    source: str,
    website: str,
    url: str,
    title: str,
    summary: str,
    event_time: int,
    ingest_time: int,
    scorer: sentiment.Scorer,
) -> Message:
    """Return the message of an article published at ``event_time`` (epoch ms), ``title`` and ``summary`` being HTML.

    Raises ValueError where it has no http(s) address, or no title.
    """
    url = canonical_url(url)
    title = plain_text(title)
    if not title:
        raise ValueError("no title")
    summary = plain_text(summary)
    spoken = f"{title}. {summary}"
    article_id = hashlib.sha256(url.encode()).hexdigest()
    value = {
        "id": article_id,
        "title": title,
        "url": url,
        "website": website,
        "summary": summary,
        "cryptocurrencies_mentioned": mentions(spoken),
        "sentiment": sentiment.score(spoken, scorer),
        "source": source,
        "event_time": event_time,
        "ingest_time": ingest_time,
    }
    return Message("articles", article_id, value)


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
