"""Pages of a long answer, by keyset: the cursor is the key of a page's last row, so every page costs the same."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import orjson
from pydantic import BaseModel, ConfigDict, Field

from serving.problems import Problem
from serving.times import MOST_POINTS, Range

PAGE = 100

Limit = Annotated[int, Field(ge=1, le=MOST_POINTS, description="Rows of a page.")]
CursorText = Annotated[
    str | None,
    Field(max_length=1000, description="Where the page begins; it is in `next` of the page before.", examples=[None]),
]


class Words(BaseModel):
    """Words of a query; one that is not known is an error, not a silence."""

    model_config = ConfigDict(extra="forbid")


class Paged(Words):
    """The page that is asked for."""

    limit: Limit = PAGE
    cursor: CursorText = None


def encode(key: Sequence[Any]) -> str:
    """Return the cursor of a row by its key."""
    return base64.urlsafe_b64encode(orjson.dumps(list(key))).decode().rstrip("=")


def decode(text: str, types: Sequence[type]) -> list[Any]:
    """Return the key that a cursor stands for. It is as untrusted as all that callers send: raises Problem."""
    try:
        key = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        if not isinstance(key, list) or len(key) != len(types):
            raise wrong_cursor()
        return [_value(value, kind) for value, kind in zip(key, types, strict=True)]
    except (binascii.Error, ValueError, OverflowError):
        raise wrong_cursor() from None


def _value(value: Any, kind: type) -> Any:
    if kind is datetime and isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(timezone.utc)
    fits = type(value) is kind and (
        (isinstance(value, str) and "\0" not in value) or (isinstance(value, int) and -(2**63) <= value < 2**63)
    )
    if not fits:
        raise wrong_cursor()
    return value


def wrong_cursor() -> Problem:
    """Return the problem of a cursor that is none, or not one of this range."""
    return Problem(
        422,
        "wrong-cursor",
        "The cursor is not one that an answer gave.",
        "Follow `next` as it is, or begin without a cursor.",
    )


def link(path: str, range_: Range | None, words: Words, key: Sequence[Any], **fixed: Any) -> str:
    """Return the address of the next page: the same question with a range that does not move on, after ``key``."""
    given = words.model_dump(exclude_none=True, exclude={"periode", "date_debut", "date_fin", "cursor"}) | fixed
    if range_:
        given |= {"date_debut": _text(range_.start), "date_fin": _text(range_.end)}
    return f"{quote(path)}?{urlencode({**given, 'cursor': encode(key)})}"


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
