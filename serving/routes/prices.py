"""Prices of coins, by whom they are quoted or traded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from serving.answers import UNKNOWN, answer, key, listing
from serving.coins import CoinPath
from serving.models import CoinSeries, LatestPrice, PricePoint
from serving.problems import Problem
from serving.routes import PREFIX
from serving.routes.words import Series, documented, read
from serving.services import Services, of
from serving.times import RAW, Resolution, fit

router = APIRouter(prefix=PREFIX, tags=["prices"], responses=UNKNOWN)

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
# Aggregators are asked every minute or two.
RESOLUTIONS = [Resolution(RAW, _MINUTE), Resolution("1h", _HOUR)]
_KEY = key("source", "crypto_id", crypto_id="after_id")
_RECENTLY = timedelta(days=1)
_EVER = timedelta(days=36500)
_SKEW = timedelta(seconds=5)  # by how much the clocks of venues may be ahead of ours
_ORDER = ("ticker", "aggregator", "trade")  # of the same moment the last one of these goes before


@router.get(
    "/prix/{crypto}/historique/",
    response_model=CoinSeries[PricePoint],
    summary="Prices of a coin",
    openapi_extra=documented(Series),
)
async def history(request: Request, crypto: CoinPath, words: Annotated[Series, Depends(read(Series))]) -> Response:
    """What the aggregators said that a coin was worth in US dollars: each price, or the mean of each hour."""
    symbol = await of(request).coins.symbol(crypto)
    range_ = words.range(request)
    resolution = fit(range_, RESOLUTIONS, words.resolution)
    query, step = ("prices", None) if resolution.name == RAW else ("price_hours", _HOUR)
    return await listing(
        request,
        words,
        range_,
        query,
        _KEY,
        {"crypto_symbol": symbol},
        {"symbol": symbol, "source": words.source},
        step=step,
        fixed={"resolution": resolution.name},
    )


@router.get("/prix/{crypto}/temps_reel/", response_model=LatestPrice, summary="The price of a coin now")
async def latest(request: Request, crypto: CoinPath) -> Response:
    """The newest price in US dollars, whoever gave it, and what each source said last. It is never older than what is
    stored by more than a second.
    """
    services = of(request)
    symbol = await services.coins.symbol(crypto)

    async def make() -> Mapping[str, Any]:
        return await _latest(services, symbol)

    return await answer(request, ("latest", symbol), services.settings.api.latest_for, make, revalidate=True)


async def _latest(services: Services, symbol: str) -> Mapping[str, Any]:
    now = services.clocks.now()
    rows: list[dict[str, Any]] = []
    for back in (_RECENTLY, _EVER):  # nearly always the first finds it, in one or two partitions
        if not rows:
            rows = await services.database.fetch("last_prices", **_bounds(services, symbol, now, back))
    if not rows:
        raise Problem(404, "no-price", f"There is no price of {symbol} yet.")
    rows.sort(key=lambda row: (row["timestamp"], _ORDER.index(row["kind"])), reverse=True)
    newest = rows[0]
    # What only aggregators know; of two that do, the newer one's.
    known = next((row for row in rows if row["kind"] == "aggregator"), newest)
    return {
        "crypto_symbol": symbol,
        "name": await services.coins.name(symbol),
        **{column: newest[column] for column in ("price_usd", "source", "kind", "pair", "timestamp")},
        **{column: known[column] for column in ("market_cap", "volume_24h", "change_24h")},
        "sources": rows,
    }


def _bounds(services: Services, symbol: str, now: datetime, back: timedelta) -> dict[str, Any]:
    pairs = [f"{symbol}/{quote}" for quote in services.settings.alerts.dollars]
    return {"symbol": symbol, "pairs": pairs, "since": now - back, "until": now + _SKEW}
