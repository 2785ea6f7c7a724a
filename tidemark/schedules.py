"""When something is due: every so often (``60s``, ``1h``), or by a cron expression in UTC (``0 6 * * *``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from cronsim import CronSim, CronSimError
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from tidemark.durations import format_duration, parse_duration


@dataclass(frozen=True)
class Every:
    """Due once ``interval`` has passed since the last time."""

    interval: timedelta

    def after(self, last: datetime) -> datetime:
        """Return when it is due next."""
        return last + self.interval

    def __str__(self) -> str:
        return format_duration(self.interval)


@dataclass(frozen=True)
class Cron:
    """Due at the times of a cron expression of five fields, UTC."""

    expression: str

    def after(self, last: datetime) -> datetime:
        """Return when it is due next; ``last`` is in UTC."""
        return next(CronSim(self.expression, last))

    def __str__(self) -> str:
        return self.expression


def parse_schedule(value: Any) -> Every | Cron:
    """Return the schedule that ``value`` writes. Raises ValueError for what is neither a duration nor cron."""
    if isinstance(value, Every | Cron):
        return value
    text = str(value).strip()
    if len(text.split()) == 5:
        try:
            CronSim(text, datetime(2026, 1, 1))  # noqa: DTZ001 - only its form is looked at
        except CronSimError as error:
            raise ValueError(f"{value!r} is not a cron expression: {error}") from None
        return Cron(text)
    interval = parse_duration(text)
    if interval <= timedelta(0):
        raise ValueError(f"{value!r} is no time to wait")
    return Every(interval)


Schedule = Annotated[
    Every | Cron, BeforeValidator(parse_schedule), PlainSerializer(str), WithJsonSchema({"type": "string"})
]
