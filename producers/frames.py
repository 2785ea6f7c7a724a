"""What the parsers of exchange frames share: strict reading of JSON, numbers and times."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson

from producers.message import BadFrame

_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,3})?")
# RFC 3339; datetime.fromisoformat of Python 3.10 reads neither Z nor nanoseconds.
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


def decode(frame: str | bytes, topic: str) -> Any:
    """Return what the JSON of ``frame`` says. Raises BadFrame (``not_json``) meant for ``topic``."""
    try:
        return orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise BadFrame("not_json", str(error), topic) from None


def number(value: Any) -> float:
    """Return a decimal number that is written as text or as a JSON number. Raises ValueError for all else."""
    if type(value) is str and _NUMBER.fullmatch(value):
        value = float(value)
    if type(value) not in (float, int) or not isfinite(value):
        raise ValueError(f"{ascii(value)[:40]} is not a number")
    return float(value)


def text(value: Any) -> str:
    """Return ``value`` if it is a text. Raises ValueError for all else."""
    if type(value) is not str:
        raise ValueError(f"{ascii(value)[:40]} is not a text")
    return value


def integer(value: Any) -> int:
    """Return ``value`` if it is an integer. Raises ValueError for all else, true and false included."""
    if type(value) is not int:
        raise ValueError(f"{ascii(value)[:40]} is not an integer")
    return value


def iso_millis(value: Any) -> int:
    """Return epoch ms of ``2023-10-06T17:35:55.440295Z``, rounded down. Raises ValueError for all else."""
    match = _ISO.fullmatch(text(value))
    if match is None:
        raise ValueError(f"{ascii(value)[:40]} is not a time like 2023-10-06T17:35:55.440295Z")
    whole = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc)
    return round(whole.timestamp()) * 1000 + int((match[2] or "").ljust(3, "0")[:3])


def seconds_millis(value: Any) -> int:
    """Return epoch ms of epoch seconds written ``1618678142.557535``, rounded down. Raises ValueError for all
    else.
    """
    if type(value) is not str or not _NUMBER.fullmatch(value):
        raise ValueError(f"{ascii(value)[:40]} is not a time in seconds")
    return int(Decimal(value) * 1000)
