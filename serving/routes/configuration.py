"""What is shown: coins, which callers with a key may change; and what a page needs to know beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import psycopg
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from producers.coins import symbol as one_symbol
from producers.sentiment import NEGATIVE_BELOW, POSITIVE_ABOVE
from serving.access import allowed
from serving.answers import answer, conditional, encoded, tagged
from serving.database import run
from serving.models import CryptoConfig, CryptoConfigs, NewCryptoConfig, Visualization
from serving.pages import PAGE
from serving.problems import Problem, ProblemDetails
from serving.routes import PREFIX
from serving.routes.markets import TICKERS, candles_of
from serving.routes.news import sentiment_of
from serving.routes.prices import RESOLUTIONS
from serving.services import Services, of
from serving.times import MOST_POINTS, PERIODS, Range, fit
from stack.alert_rules import EVERY, TYPES

router = APIRouter(prefix=PREFIX, tags=["configuration"])

_SECOND = timedelta(seconds=1)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ProblemDetails, "description": "No JSON"},
    409: {"model": ProblemDetails, "description": "Another coin is called so"},
    413: {"model": ProblemDetails, "description": "Too long a body"},
}


@router.get("/config/crypto/", response_model=CryptoConfigs, summary="The coins that are shown")
async def cryptos(request: Request) -> Response:
    """The usual coins, and what was configured of them and of others."""
    data = [asdict(coin) for coin in await of(request).coins.all()]
    return conditional(request, tagged({"count": len(data), "data": data}), "no-cache")


@router.post(
    "/config/crypto/",
    response_model=CryptoConfig,
    status_code=201,
    summary="Configure a coin",
    dependencies=[Depends(allowed("write"))],
    responses={200: {"model": CryptoConfig, "description": "It was configured before: replaced"}, **_REFUSALS},
)
async def configure(request: Request, wanted: NewCryptoConfig) -> Response:
    """Say what a coin is called and whether it is shown. Needs a key or token with the scope `write`; is logged."""
    services = of(request)
    symbol = one_symbol(wanted.symbol)
    for name in (symbol, wanted.name):  # an address has to lead to one coin
        other = await services.coins.find(name)
        if other not in (None, symbol):
            raise _taken(f"{name!r} is what {other} is called.")
    values = {"symbol": symbol, "name": wanted.name, "is_active": wanted.is_active}
    try:
        async with services.database.transaction() as connection:
            (row,) = await run(connection, "set_crypto_config", **values)
            status = 201 if row.pop("is_new") else 200
            await services.audit.done(connection, request.scope, status, values)
    except psycopg.errors.UniqueViolation:  # configured at the same moment
        raise _taken(f"{wanted.name!r} is what another coin is called.") from None
    services.coins.forget()
    services.metrics.writes.labels("crypto").inc()
    return Response(encoded(row), status, {"Cache-Control": "no-store"}, "application/json")


def _taken(detail: str) -> Problem:
    return Problem(409, "name-taken", detail, "Choose another name.")


@router.get("/config/visualization/", response_model=Visualization, summary="What a page needs to know beforehand")
async def visualization(request: Request) -> Response:
    """Coins and pairs to choose from, the resolutions that fit each period, thresholds."""
    services = of(request)

    async def make() -> Mapping[str, Any]:
        return await _visualization(services)

    return await answer(request, ("visualization",), _SECOND, make)


async def _thresholds(services: Services, now: datetime) -> list[dict[str, Any]]:
    """Return the thresholds that hold: for all coins the setting or the rule, then the rules of single coins."""
    rules = {
        (row["alert_type"], row["symbol"]): row["threshold"]
        for row in await services.database.fetch("queries/alert_rules", moment=now)
        if row["valid_from"] <= now
    }
    found = []
    for alert, (setting, unit) in TYPES.items():
        usual = rules.pop((alert, EVERY), getattr(services.settings.alerts, setting))
        found.append({"alert_type": alert, "crypto_symbol": None, "threshold": usual, "unit": unit})
    found += [
        {"alert_type": alert, "crypto_symbol": symbol, "threshold": threshold, "unit": TYPES[alert][1]}
        for (alert, symbol), threshold in rules.items()
        if alert in TYPES
    ]
    return found


async def _visualization(services: Services) -> Mapping[str, Any]:
    settings = services.settings
    series = {
        "candles": candles_of(settings),
        "prix": RESOLUTIONS,
        "sentiment": sentiment_of(settings),
        "ticker": TICKERS,
    }
    end: datetime = services.clocks.now()
    return {
        "cryptos": [asdict(coin) for coin in await services.coins.all() if coin.is_active],
        "pairs": [asdict(pair) for pair in await services.coins.pairs()],
        "periods": [
            {
                "periode": period,
                "seconds": int(length.total_seconds()),
                "resolutions": {
                    name: fit(Range(end - length, end), known, None).name for name, known in series.items()
                },
            }
            for period, length in PERIODS.items()
        ],
        "candle_resolutions": [one.name for one in series["candles"]],
        "impact_horizons_seconds": [int(one.total_seconds()) for one in settings.impact.horizons],
        "sentiment_positive_above": POSITIVE_ABOVE,
        "sentiment_negative_below": NEGATIVE_BELOW,
        "thresholds": await _thresholds(services, end),
        "page": PAGE,
        "most_points": MOST_POINTS,
    }
