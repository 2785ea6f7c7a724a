"""Ranges of time as callers give them, and the resolution that fits one, so that no answer has too many points."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema

from serving.problems import Problem

MOST_POINTS = 10_000  # of an answer
PERIODS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
RAW = "raw"  # what was stored itself
Period = Literal["1h", "24h", "7d", "30d"]

# Of most series several sources have a point for the same time.
_SOURCES = 4
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EARLIEST = datetime(1900, 1, 1, tzinfo=timezone.utc)  # the oldest economic series
_LATEST = datetime(2200, 1, 1, tzinfo=timezone.utc)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?", re.DOTALL)
_LOST_PLUS = re.compile(r" (\d{2}:?\d{2})$")
_DATETIME = TypeAdapter(datetime)


def _read(value: Any) -> datetime:
    """Return the moment that ``value`` writes in ISO 8601; without a zone it is in UTC. Raises ValueError."""
    text = str(value)
    if not _ISO.fullmatch(text):
        raise ValueError("is not a date or a time in ISO 8601, such as 2026-01-31 or 2026-01-31T12:00:00Z")
    # A plus that was not escaped in an address arrives as a space.
    text = _LOST_PLUS.sub(r"+\1", text) if len(text) > len("2026-01-31T12:00") else text
    try:
        moment = _DATETIME.validate_python(text)
        moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError("is not a time that exists, such as 2026-01-31T12:00:00Z") from None
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("must be between the years 1900 and 2200")
    return moment


Moment = Annotated[
    datetime,
    BeforeValidator(_read),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00Z"]}),
]
PeriodWord = Annotated[
    Period | None, Field(description="So far back from now (or from `date_fin`). A `date_debut` goes before it.")
]
Start = Annotated[Moment | None, Field(description="From this time on (ISO 8601; without a zone, UTC).")]
End = Annotated[Moment | None, Field(description="Up to this time, which is not included; without, up to now.")]


@dataclass(frozen=True)
class Range:
    """From ``start`` to before ``end``, both in UTC."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """Return how long it is."""
        return self.end - self.start

    def widened(self, step: timedelta) -> Range:
        """Return the range of whole ``step`` that holds it."""
        over = (self.end - _EPOCH) % step
        return Range(floor(self.start, step), self.end + (step - over if over else timedelta(0)))


def floor(moment: datetime, step: timedelta) -> datetime:
    """Return the last multiple of ``step`` since 1970 that is not after ``moment``."""
    return moment - (moment - _EPOCH) % step


def ceil_to_second(moment: datetime) -> datetime:
    """Return the second that ``moment`` lies before, so that what is asked within a second is one question."""
    return floor(moment, _SECOND) + _SECOND


def choose(
    now: datetime,
    period: Period | None,
    start: datetime | None,
    end: datetime | None,
    usual: timedelta = PERIODS["24h"],
) -> Range:
    """Return the range that is asked for. Dates go before a period, as users know it; without either it is ``usual``.

    Raises Problem for a range that ends before it begins.
    """
    until = ceil_to_second(now) if end is None else end
    since = until - (PERIODS[period] if period else usual) if start is None else start
    if since >= until:
        raise Problem(
            422,
            "reversed-range",
            f"The range begins at {since:%Y-%m-%dT%H:%M:%SZ}, which is not before its end, {until:%Y-%m-%dT%H:%M:%SZ}.",
            "Give a date_debut that lies before date_fin (without one, before now).",
        )
    return Range(since, until)


@dataclass(frozen=True)
class Resolution:
    """A resolution of a series: its name, the time between two points, and how many sources may have each of them."""

    name: str
    step: timedelta
    sources: int = _SOURCES

    def points(self, range_: Range) -> int:
        """Return how many points ``range_`` has at most."""
        return self.sources * -(-range_.length // self.step)


def fit(range_: Range, known: list[Resolution], wanted: str | None) -> Resolution:
    """Return the resolution named ``wanted``, else the finest of ``known`` (finest first) that fits the range.

    Where none does, it is the coarsest: pages limit an answer then, as they do where what was stored itself is wanted.
    Raises Problem for one that there is not, and for one that would give more than 10,000 points.
    """
    names = ", ".join(one.name for one in known)
    if wanted is None:
        return next((one for one in known if one.points(range_) <= MOST_POINTS), known[-1])
    for one in known:
        if one.name == wanted:
            if one.name != RAW and one is not known[-1] and one.points(range_) > MOST_POINTS:
                raise Problem(
                    422,
                    "too-many-points",
                    f"At a resolution of {wanted} the range has up to {one.points(range_):,} points,"
                    f" and an answer has at most {MOST_POINTS:,}.",
                    f"Choose a coarser resolution ({names}) or a shorter range.",
                )
            return one
    raise Problem(422, "wrong-value", f"There is no resolution {wanted!r} here.", f"There are {names}.")
