"""The words of queries that several paths share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Request
from pydantic import Field

from serving import times
from serving.pages import Paged
from serving.services import of
from serving.times import End, PeriodWord, Range, Start

Source = Annotated[
    str | None, Field(pattern=r"^[a-z0-9_.-]{1,32}$", description="Only of this source.", examples=["binance"])
]
CoinWord = Annotated[
    str | None, Field(max_length=64, description="Only about this coin: its symbol or name.", examples=["BTC"])
]
PairWord = Annotated[
    str | None, Field(max_length=48, description="Only of this pair: BTC/USD or BTC-USD.", examples=["BTC-USD"])
]
Kind = Annotated[str | None, Field(pattern=r"^[a-z0-9_]{1,60}$")]


class Ranged(Paged):
    """A page of a range of time."""

    periode: PeriodWord = None
    date_debut: Start = None
    date_fin: End = None

    def range(self, request: Request, **usual: Any) -> Range:
        """Return the range that is asked for. Raises Problem for a reversed one."""
        now: datetime = of(request).clocks.now()
        return times.choose(now, self.periode, self.date_debut, self.date_fin, **usual)


class Sourced(Ranged):
    """A page of a range of time, of one source or of all."""

    source: Source = None


class Series(Sourced):
    """A page of a series; without a resolution, the finest that fits the range."""

    resolution: Annotated[str | None, Field(pattern=r"^[a-z0-9]{1,8}$", examples=["1h"])] = None
