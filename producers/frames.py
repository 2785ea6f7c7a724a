"""What the parsers share: strict reading of JSON, numbers and times."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson

from producers.message import BadFrame, Message

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


def optional_number(value: Any) -> float | None:
    """Return a number as :func:`number` does, and None for None."""
    return None if value is None else number(value)


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


def each(items: Any, topic: str, what: str, read: Callable[[Any], Message | None]) -> list[Message | BadFrame]:
    """Return of each item of a list what ``read`` makes of it (None: noise, left out), or a BadFrame where it raises
    ValueError, TypeError, KeyError or IndexError. ``what`` is said in it.

    Raises BadFrame where ``items`` is no list, or holds a faulty item that cannot be kept by itself.
    """
    if type(items) is not list:
        raise BadFrame("bad_frame", f"{what}: expected a list", topic)
    results: list[Message | BadFrame] = []
    for item in items:
        try:
            message = read(item)
        except KeyError as error:  # noqa: PERF203 - each item for itself
            results.append(BadFrame("bad_frame", f"{what}: {error.args[0]} is missing", topic, original=_kept(item)))
        except (ValueError, TypeError, IndexError) as error:
            results.append(BadFrame("bad_frame", f"{what}: {error}", topic, original=_kept(item)))
        else:
            if message is not None:
                results.append(message)
    if any(isinstance(result, BadFrame) and result.original is None for result in results):
        good = tuple(result for result in results if isinstance(result, Message))
        raise BadFrame("bad_frame", f"{what}: an item is nested too deeply", topic, good)
    return results


def _kept(item: Any) -> str | None:
    try:
        return orjson.dumps(item).decode()
    except orjson.JSONEncodeError:  # it reads deeper nesting than it writes
        return None
