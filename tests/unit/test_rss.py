from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import contract, sentiment, sources
from producers.articles import canonical_url, plain_text
from producers.http import retry_after
from producers.message import BadFrame, Message, PollError
from producers.runloop import Seen, parsed
from producers.source import PollSource
from producers.sources import rss
from tests.exchange.server import ExchangeServer, Reply
from tests.exchange.server import rss as feed_of
from tidemark.settings import load

NOW = 1_763_700_000_000
PUBLISHED = datetime(2025, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
ITEM = (
    "Bitcoin soars",
    "https://news.test/a?utm_source=rss",
    "<p>Great &amp; <b>excel</b>lent day for <a href='x'>ETH</a></p><script>SOL</script>",
    PUBLISHED,
)


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://News.Test/a/", "https://news.test/a"),
        ("HTTPS://news.test:443/a#top", "https://news.test/a"),
        ("http://news.test:8080/a/", "http://news.test:8080/a"),
        ("https://news.test/a?utm_source=x&UTM_Medium=y&fbclid=z", "https://news.test/a"),
        ("https://news.test/a?id=7&utm_campaign=x&page=", "https://news.test/a?id=7&page="),
        ("https://user:pw@news.test/A/b", "https://news.test/A/b"),
        (" https://news.test ", "https://news.test"),
    ],
)
def test_canonical_url(url: str, canonical: str) -> None:
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical


@pytest.mark.parametrize("url", ["", "/a", "ftp://x/a", "javascript:alert(1)", "https://", "http://[::1"])
def test_no_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical_url(url)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>two &amp; <b>th</b>ree</p>", "One two & three"),
        ("a<br>b<style>p{}</style><script>x</script>", "a b"),
        ("1 < 2 &lt;b&gt;", "1 < 2 <b>"),
        ("a\x00b\r\n\tc", "a b c"),
        ("</script>still <i>here", "still here"),
        ("", ""),
    ],
)
def test_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_an_article_in_full() -> None:
    (message,) = rss.parse(feed_of(ITEM).encode(), "News", NOW, sentiment.vader)
    assert isinstance(message, Message)
    value = message.value
    contract.check("articles", value)
    assert value["url"] == "https://news.test/a"
    assert value["id"] == message.key == hashlib.sha256(b"https://news.test/a").hexdigest()
    assert (value["title"], value["summary"]) == ("Bitcoin soars", "Great & excellent day for ETH")
    assert value["cryptocurrencies_mentioned"] == ["BTC", "ETH"]
    assert value["sentiment"]["label"] == "positive"
    assert value["event_time"] == round(PUBLISHED.timestamp() * 1000)
    assert (value["website"], value["source"], value["ingest_time"]) == ("News", "rss", NOW)


def test_atom_and_updated_times() -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><title>Solana</title>'
        '<link href="https://news.test/s"/><updated>2025-01-02T05:04:05+02:00</updated></entry></feed>'
    )
    (message,) = rss.parse(atom.encode(), "Atom", 1, sentiment.vader)
    assert isinstance(message, Message)
    assert message.value["event_time"] == round(PUBLISHED.timestamp() * 1000)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (("T", "https://news.test/x", "", None), "no date"),
        (("", "https://news.test/x", "", PUBLISHED), "no title"),
        (("T", "nonsense", "", PUBLISHED), "not an http"),
    ],
)
def test_an_incomplete_entry_is_kept_as_bad_and_its_neighbour_passes(item: Any, said: str) -> None:
    bad, good = rss.parse(feed_of(item, ITEM).encode(), "News", 1, sentiment.vader)
    assert isinstance(bad, BadFrame)
    assert said in bad.detail
    assert bad.topic == "articles"
    assert bad.original
    assert isinstance(good, Message)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Moved</body></html>",
        b"\x00\xff",
        b"{}",
        b"/etc/passwd",
        b'<?xml version="1.0" encoding="UTF\x00-8"?><rss version="2.0"/>',
    ],
)
def test_what_is_no_feed_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(BadFrame, match="not an RSS or Atom feed"):
        list(rss.parse(body, "News", 1, sentiment.vader))


@given(st.binary() | st.text().map(str.encode), st.text(), st.text(), st.text())
def test_no_feed_crashes_the_parser(body: bytes, title: str, link: str, summary: str) -> None:
    fields = (text.replace("]]>", "") for text in (title, link, summary))
    entry = feed_of((*fields, PUBLISHED)).encode("utf-8", "replace")  # type: ignore[arg-type]
    for feed in (body, entry, entry[: len(body) * 20]):
        with suppress(BadFrame):
            for result in rss.parse(feed, "News", NOW, lambda _: 0.0):
                if isinstance(result, Message):
                    contract.check("articles", result.value)


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    edited = ("Bitcoin soars (updated)", "https://news.test/a/#live", "x", PUBLISHED)
    feeds = {
        "/one": [Reply(feed_of(ITEM)), Reply(feed_of(ITEM)), Reply(feed_of(edited))],
        "/two": [Reply(feed_of(ITEM, ("Second", "https://news.test/b", "", PUBLISHED)))],
        "/busy": [Reply(status=429, headers={"Retry-After": "7"}), Reply(status=500)],
        "/long": [Reply("x" * 100_001)],
    }
    with ExchangeServer(feeds=feeds) as running:
        yield running


def feeds(**urls: str) -> list[PollSource]:
    """Return the feeds of ``urls``, with tight limits."""
    made = sources.make("rss", load(rss={"feeds": urls, "timeout": "5s", "max_bytes": 100_000}))
    return [source for source in made if isinstance(source, PollSource)]


def fetched(feed: PollSource, seen: Seen) -> list[str]:
    """Return the titles of the new articles, as the run loop takes them."""
    body = feed.request.get()
    results = [] if body is None else parsed(feed.parse, body, NOW)
    feed.request.accept()
    return [r.value["title"] for r in results if isinstance(r, Message) and seen.add_result(r)]


def test_the_same_article_is_one_in_every_feed_and_under_any_title(server: ExchangeServer) -> None:
    seen = Seen()
    one, two = feeds(one=f"{server.http_url}/one", two=f"{server.http_url}/two")
    assert fetched(one, seen) == ["Bitcoin soars"]
    assert fetched(one, seen) == []  # unchanged
    assert fetched(one, seen) == []  # edited
    assert fetched(two, seen) == ["Second"]
    assert server.hits == [("/one", 200), ("/one", 304), ("/one", 200), ("/two", 200)]


def test_failures_say_what_happened(server: ExchangeServer) -> None:
    names = ("busy", "none", "long")
    busy, none, long, down = feeds(**{name: f"{server.http_url}/{name}" for name in names}, down="http://127.0.0.1:1/")
    with pytest.raises(PollError, match="429") as caught:
        busy.request.get()
    assert caught.value.retry_after == 7
    for feed, said in ((busy, "500"), (none, "404"), (long, "max_bytes"), (down, "ConnectionError")):
        with pytest.raises(PollError, match=said):
            feed.request.get()


def test_what_is_remembered_is_bounded() -> None:
    seen = Seen(2)
    assert [seen.add(name) for name in "abacab"] == [True, True, False, True, False, True]


def test_retry_after() -> None:
    assert retry_after(None) is None
    assert retry_after("soon") is None
    assert retry_after("120") == 120
    soon = retry_after(format_datetime(datetime.now(timezone.utc) + timedelta(seconds=90)))
    assert soon is not None
    assert 80 < soon <= 90
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
