"""Tickers, trades, candles and volumes of pairs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from serving.answers import UNKNOWN, key, listing
from serving.coins import PairPath
from serving.models import Candle, PairPage, PairSeries, Ticker, Trade, Volume
from serving.routes import PREFIX
from serving.routes.words import Series, Sourced, documented, read
from serving.services import Services, of
from serving.times import RAW, Resolution, fit, floor
from tidemark.durations import format_duration
from tidemark.settings import Settings

router = APIRouter(prefix=PREFIX, tags=["markets"], responses=UNKNOWN)

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
TICKERS = [Resolution(RAW, _SECOND, 1), Resolution("1m", _MINUTE), Resolution("1h", _HOUR)]
_TICKER_QUERIES = {RAW: ("tickers", None), "1m": ("ticker_minutes", _MINUTE), "1h": ("ticker_hours", _HOUR)}
_BY_SOURCE = key("source")
_YEAR = timedelta(days=365)


def candles_of(settings: Settings) -> list[Resolution]:
    """Return the resolutions of candles, the finest first, under the names that the jobs give them."""
    windows = settings.windows
    return [
        Resolution(format_duration(length), length)
        for length in (windows.candle, windows.candle_medium, windows.candle_large)
    ]


@router.get(
    "/ticker/{pair:path}/historique/",
    response_model=PairSeries[Ticker],
    summary="Tickers of a pair",
    openapi_extra=documented(Series),
)
async def tickers(request: Request, pair: PairPath, words: Annotated[Series, Depends(read(Series))]) -> Response:
    """The state of a market over time: each ticker, or how the last price moved in each minute or hour."""
    services = of(request)
    name = await services.coins.pair(pair)
    range_ = words.range(request)
    resolution = fit(range_, TICKERS, words.resolution)
    query, step = _TICKER_QUERIES[resolution.name]
    values: dict[str, object] = {"pair": name, "source": words.source}
    if query == "ticker_hours":
        values["recent"] = not_rolled_up(services)
    return await listing(
        request,
        words,
        range_,
        query,
        _BY_SOURCE,
        {"pair": name},
        values,
        step=step,
        fixed={"resolution": resolution.name},
    )


@router.get(
    "/trade/{pair:path}/historique/",
    response_model=PairPage[Trade],
    summary="Trades of a pair",
    openapi_extra=documented(Sourced),
)
async def trades(request: Request, pair: PairPath, words: Annotated[Sourced, Depends(read(Sourced))]) -> Response:
    """Every trade."""
    name = await of(request).coins.pair(pair)
    by = key("source", "trade_id", trade_id="after_id")
    values = {"pair": name, "source": words.source}
    return await listing(request, words, words.range(request), "trades", by, {"pair": name}, values)


@router.get(
    "/candles/{pair:path}",
    response_model=PairSeries[Candle],
    summary="Candles of a pair",
    openapi_extra=documented(Series),
)
async def candles(request: Request, pair: PairPath, words: Annotated[Series, Depends(read(Series))]) -> Response:
    """Open, high, low, close, VWAP and volume of each minute, five minutes or hour with a trade in it."""
    services = of(request)
    name = await services.coins.pair(pair)
    range_ = words.range(request)
    resolution = fit(range_, candles_of(services.settings), words.resolution)
    return await listing(
        request,
        words,
        range_,
        "candles",
        _BY_SOURCE,
        {"pair": name},
        {"pair": name, "source": words.source, "resolution": resolution.name},
        step=resolution.step,
        fixed={"resolution": resolution.name},
    )


@router.get(
    "/volume/{pair:path}",
    response_model=PairPage[Volume],
    summary="Volumes of a pair by the day",
    openapi_extra=documented(Sourced),
)
async def volumes(request: Request, pair: PairPath, words: Annotated[Sourced, Depends(read(Sourced))]) -> Response:
    """What was traded each day (UTC); without a range, of the last year."""
    name = await of(request).coins.pair(pair)
    values = {"pair": name, "source": words.source}
    range_ = words.range(request, usual=_YEAR)
    return await listing(request, words, range_, "volumes", _BY_SOURCE, {"pair": name}, values, step=timedelta(days=1))


def not_rolled_up(services: Services) -> datetime:
    """Return the hour from which on the hourly rollups may not have everything yet.

    They are computed every ``storage.rollup_interval``, so the hour that has just ended may wait for it.
    """
    return floor(services.clocks.now() - 2 * services.settings.storage.rollup_interval, _HOUR)
