"""From a question to an answer: one page of rows, as JSON with an ETag, given again while it is young."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from serving import pages
from serving.database import Row
from serving.pages import Paged
from serving.problems import ProblemDetails
from serving.services import Services, of
from serving.times import Range

_OPEN = timedelta(seconds=1)  # for so long what goes on until now is given again: its range moves on with each second
_LOWEST = {str: "", int: -(2**31)}  # before every value of a key
_TAG = 34  # bytes: a hash in quotes

# What any path may answer besides what it is for.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDetails, "description": text}
    for status, text in {
        401: "No key where one is needed, or one that does not hold",
        403: "A key that may not do this",
        414: "Too long a query",
        421: "Called by a name that is not this server's",
        422: "A value is wrong",
        429: "Too many requests; Retry-After says when to try again",
        503: "The database does not answer, or takes too long",
    }.items()
}
UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": ProblemDetails, "description": "No such coin or pair"}}


@dataclass(frozen=True)
class Key:
    """The columns that order a listing, the time first: the column, its type, and the query's name for it."""

    columns: tuple[tuple[str, type, str], ...]

    def first(self, end: datetime) -> Row:
        """Return the values of a query that begins with the newest row before ``end``."""
        return {"last": end} | {name: _LOWEST[kind] for _, kind, name in self.columns[1:]}

    def after(self, cursor: str, range_: Range) -> Row:
        """Return the values of a query that goes on after the row of a cursor. Raises Problem."""
        values = pages.decode(cursor, [kind for _, kind, _ in self.columns])
        if not range_.start <= values[0] <= range_.end:
            raise pages.wrong_cursor()
        return {name: value for (_, _, name), value in zip(self.columns, values, strict=True)}

    def of(self, row: Row) -> list[Any]:
        """Return the key of a row."""
        return [row[column] for column, _, _ in self.columns]


def key(*columns: str, **names: str) -> Key:
    """Return the key of rows that are ordered by `timestamp`, then by ``columns``; ``names`` are those that differ."""
    given = [(column, str, names.get(column, f"after_{column}")) for column in columns]
    return Key((("timestamp", datetime, "last"), *given))


async def listing(
    request: Request,
    words: Paged,
    range_: Range,
    query: str,
    by: Key,
    about: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    step: timedelta | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Response:
    """Answer with a page of the rows that ``query`` gives with ``values``.

    ``about`` is what the answer says besides its rows; ``step``: rows are of whole steps, so the range is widened to
    them; ``fixed``: words that the next page needs.
    """
    whole = range_.widened(step) if step else range_
    position = by.first(whole.end) if words.cursor is None else by.after(words.cursor, whole)
    services = of(request)

    async def make() -> Row:
        found = await services.database.fetch(query, start=whole.start, rows=words.limit + 1, **position, **values)
        rows = found[: words.limit]
        path = request.url.path
        more = len(found) > len(rows)
        following = pages.link(path, range_, words, by.of(rows[-1]), **(fixed or {})) if more else None
        known = {**about, **(fixed or {}), "date_debut": whole.start, "date_fin": whole.end}
        return {**known, "count": len(rows), "next": following, "data": rows}

    is_open = range_.end > services.clocks.now() - _OPEN
    age = _OPEN if is_open else services.settings.api.history_for
    question = (request.url.path, query, whole.start, range_.end, words.limit, *position.items(), *values.items())
    return await answer(request, question, age, make)


async def answer(
    request: Request,
    question: Sequence[Any],
    age: timedelta,
    make: Callable[[], Awaitable[Mapping[str, Any]]],
    *,
    revalidate: bool = False,
) -> Response:
    """Answer with what ``make`` makes, or has made for the same ``question`` within ``age``.

    ``revalidate``: whoever keeps a copy has to ask each time whether it still holds.
    """
    services: Services = of(request)

    async def body() -> bytes:
        return tagged(await make())

    kept = await services.cache.get(repr(question), age.total_seconds(), body)
    control = "no-cache" if revalidate else f"max-age={int(age.total_seconds())}"
    return conditional(request, kept, control)


def encoded(content: Any) -> bytes:
    """Return ``content`` as JSON, times in UTC."""
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def tagged(content: Any) -> bytes:
    """Return ``content`` as JSON behind its ETag."""
    body = encoded(content)
    return b'"%b"' % hashlib.blake2b(body, digest_size=16).hexdigest().encode() + body


def conditional(request: Request, kept: bytes, control: str) -> Response:
    """Return the answer, or only that the copy which the caller has still holds (RFC 9110, 13.1.2)."""
    tag = kept[:_TAG].decode()
    headers = {"ETag": tag, "Cache-Control": f"private, {control}", "Vary": "Authorization, X-API-Key"}
    copies = request.headers.get("if-none-match")
    if copies and (copies.strip() == "*" or tag in (copy.strip().removeprefix("W/") for copy in copies.split(","))):
        return Response(status_code=304, headers=headers)
    return Response(kept[_TAG:], headers=headers, media_type="application/json")
