"""Articles of NewsAPI that match a query, the newest first.

Format: https://newsapi.org/docs/endpoints/everything; errors: https://newsapi.org/docs/errors.
"""

from __future__ import annotations

from typing import Any

from producers import sentiment
from producers.articles import article
from producers.frames import decode, each, iso_millis, text
from producers.http import Http, required_key
from producers.message import BadFrame, Message
from producers.source import Parser, PollSource, Source
from tidemark.settings import Settings

SOURCE = "newsapi"

_REMOVED = "[Removed]"  # the title of what its publisher has withdrawn


def sources(settings: Settings) -> list[Source]:
    """Return the one source. Raises UserError where there is no key."""
    group = settings.newsapi
    key = required_key(SOURCE, group.api_key, "https://newsapi.org/register")
    query = {"q": group.query, "sortBy": "publishedAt", "language": "en", "pageSize": "100"}
    request = Http(group.url, group, query, ("X-Api-Key", key))
    return [PollSource(SOURCE, ("articles",), group.schedule, request, parser("", settings))]


def parser(part: str, settings: Settings) -> Parser:
    """Return the parser of its answers."""
    scorer = sentiment.scorer(settings)

    def read(body: str | bytes, ingest_time: int) -> list[Message | BadFrame]:
        return parse(body, ingest_time, scorer)

    return read


def parse(body: str | bytes, ingest_time: int, scorer: sentiment.Scorer) -> list[Message | BadFrame]:
    """Return the articles in the answer that came at ``ingest_time`` (epoch ms), or a BadFrame for one without
    address, title, website or date; what was removed is left out. Raises BadFrame where it is not a list of articles.
    """
    content = decode(body, "articles")
    if type(content) is not dict:
        raise BadFrame("bad_frame", "expected an object", "articles")
    if content.get("status") != "ok":
        said = f"{content.get('code')}: {content.get('message')}"
        raise BadFrame("bad_frame", f"refused: {ascii(said)[:200]}", "articles")
    return each(content.get("articles"), "articles", "article", lambda item: _article(item, ingest_time, scorer))


def _article(item: Any, ingest_time: int, scorer: sentiment.Scorer) -> Message | None:
    title = text(item["title"])
    if title == _REMOVED:
        return None
    summary = item["description"]
    return article(
        source=SOURCE,
        website=text(item["source"]["name"]),
        url=text(item["url"]),
        title=title,
        summary="" if summary is None else text(summary),
        event_time=iso_millis(item["publishedAt"]),
        ingest_time=ingest_time,
        scorer=scorer,
    )
