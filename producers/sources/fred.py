"""Economic series of FRED, each a source of its own (``fred:DFF``): as CSV, or with a key through the API.

Formats: https://fred.stlouisfed.org/graph/fredgraph.csv?id=DFF (described at
https://fredhelp.stlouisfed.org/fred/data/downloading/) and
https://fred.stlouisfed.org/docs/api/fred/series_observations.html.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone

from pydantic import SecretStr

from producers.frames import decode, each, number, text
from producers.http import Http
from producers.message import BadFrame, Message
from producers.source import Parser, PollSource, Source
from tidemark.errors import UserError
from tidemark.settings import Answers, Settings

SOURCE = "fred"

# No trade is older than Bitcoin's first block (2009-01-03; the contracts say so), and the value in force then, even of
# an annual series, was observed within the year before.
_START = date(2008, 1, 1)
# What may still change: seasonal factors are computed anew every year, five years back.
_REVISED = timedelta(days=5 * 366)

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_COLUMNS = ("observation_date", "DATE")  # DATE until 2025
_MISSING = (".", "")  # markets were closed, or nothing was published


def sources(settings: Settings) -> list[Source]:
    """Return one source per series: each is asked, and may fail, on its own."""
    group = settings.fred
    found: list[Source] = []
    for series in group.series:
        if group.api_key:
            query = {"series_id": series, "file_type": "json"}
            request = Observations(group.api_url, group, query, "observation_start", ("api_key", group.api_key))
        else:
            request = Observations(group.csv_url, group, {"id": series}, "cosd")
        found.append(
            PollSource(f"{SOURCE}:{series}", ("macro",), group.schedule, request, parser(series, settings)),
        )
    return found


def parser(part: str, settings: Settings) -> Parser:
    """Return the parser of the series ``part``, of both formats. Raises UserError where the settings do not have it."""
    series = settings.fred.series
    if part not in series:
        raise UserError(f"{part!r} is not one of fred.series.", f"They are {', '.join(series)}; write fred:SERIES.")
    frequency = series[part]

    def read(body: str | bytes, ingest_time: int) -> list[Message | BadFrame]:
        return parse(body, part, frequency)

    return read


class Observations(Http):
    """Asks for a series from the start, and once that has been read only for what may have changed since."""

    def __init__(
        self,
        url: str,
        limits: Answers,
        query: Mapping[str, str],
        since: str,
        key: tuple[str, SecretStr] | None = None,
    ) -> None:
        super().__init__(url, limits, query, key, key_in_query=True)
        self._since = since
        self._whole = False

    def get(self, query: Mapping[str, str] | None = None) -> bytes | None:
        """Return the body of the answer; see :meth:`Http.get`."""
        start = datetime.now(timezone.utc).date() - _REVISED if self._whole else _START
        return super().get({self._since: start.isoformat(), **(query or {})})

    def accept(self) -> None:
        """Note that the last answer could be read."""
        super().accept()
        self._whole = True


def parse(body: str | bytes, series: str, frequency: str) -> list[Message | BadFrame]:
    """Return the observations in an answer, or a BadFrame for a row that is none; those without a value are left out.

    Raises BadFrame where it is neither the CSV of ``series`` nor the API's object.
    """
    if isinstance(body, bytes):
        try:
            body = body.decode()
        except UnicodeDecodeError as error:
            raise BadFrame("bad_frame", f"{series}: not UTF-8: {error}", "macro") from None
    if body.lstrip().startswith("{"):
        content = decode(body, "macro")
        return each(
            content.get("observations"),
            "macro",
            series,
            lambda item: _observation(series, frequency, text(item["date"]), text(item["value"])),
        )
    return _csv(body, series, frequency)


def _csv(body: str, series: str, frequency: str) -> list[Message | BadFrame]:
    header, *rows = (line.removesuffix("\r") for line in body.split("\n"))
    if header not in [f"{column},{series}" for column in _DATE_COLUMNS]:
        raise BadFrame("bad_frame", f"{series}: expected its CSV, got {ascii(header)[:80]}", "macro")
    results: list[Message | BadFrame] = []
    for row in filter(None, rows):
        try:
            day, value = row.split(",")
            message = _observation(series, frequency, day, value)
        except ValueError as error:  # noqa: PERF203 - each row for itself
            results.append(BadFrame("bad_frame", f"{series}: {error}", "macro", original=row))
        else:
            results += [message] if message else []
    return results


def _observation(series: str, frequency: str, day: str, value: str) -> Message | None:
    if not _DATE.fullmatch(day):
        raise ValueError(f"{ascii(day)[:40]} is not a date like 2026-01-31")
    midnight = calendar.timegm(date.fromisoformat(day).timetuple()) * 1000
    if value in _MISSING:
        return None
    content = {
        "indicator": series,
        "value": number(value),
        "date": day,
        "frequency": frequency,
        "event_time": midnight,
    }
    return Message("macro", series, content)
