"""What the jobs make of the market: predictions, alerts, rankings, and how good the feeds were."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from serving.answers import UNKNOWN, answer, key, listing
from serving.coins import CoinPath, optional_pair
from serving.models import Alert, CoinPage, Prediction, Predictions, Quality, RangedPage, Ranking
from serving.pages import PAGE, Words
from serving.routes import PREFIX
from serving.routes.words import CoinWord, Kind, PairWord, Ranged, Source, documented, read
from serving.services import of
from serving.times import End, PeriodWord, Start, choose

router = APIRouter(prefix=PREFIX, tags=["signals"], responses=UNKNOWN)

_SECOND = timedelta(seconds=1)
_RECENTLY = timedelta(days=2)  # longer than the longest time that models are scored over
_MONTH = timedelta(days=31)


class PredictionWords(Ranged):
    """A page of predictions."""

    model_name: Annotated[Kind, Field(description="Only of this model.", examples=["least_squares"])] = None
    pair: PairWord = None


class AlertWords(Ranged):
    """A page of alerts."""

    crypto_symbol: CoinWord = None
    pair: PairWord = None
    alert_type: Annotated[Kind, Field(description="Only of this type.", examples=["spike"])] = None
    severity: Annotated[Kind, Field(description="Only this severe.", examples=["critical"])] = None
    min_change: Annotated[
        float | None, Field(ge=0, le=1e6, description="Only where the change is at least so many percent, either way.")
    ] = None


class RankingWords(Words):
    """A ranking's best places."""

    source: Source = None
    limit: Annotated[int, Field(ge=1, le=10_000, description="Places of each ranking.")] = PAGE


class QualityWords(Words):
    """A range of time."""

    periode: PeriodWord = None
    date_debut: Start = None
    date_fin: End = None


@router.get(
    "/prediction/{symbol}/historique/",
    response_model=CoinPage[Prediction],
    summary="Predictions of a coin",
    openapi_extra=documented(PredictionWords),
)
async def predictions(
    request: Request, symbol: CoinPath, words: Annotated[PredictionWords, Depends(read(PredictionWords))]
) -> Response:
    """What each model predicted, and what came."""
    name = await of(request).coins.symbol(symbol)
    by = key("pair", "model_name", "source", model_name="after_model")
    values = {
        "symbol": name,
        "model": words.model_name,
        "pair": optional_pair(words.pair),
    }
    return await listing(request, words, words.range(request), "predictions", by, {"crypto_symbol": name}, values)


@router.get("/predictions/{crypto}/", response_model=Predictions, summary="What the models predict now")
async def last_predictions(request: Request, crypto: CoinPath) -> Response:
    """The newest prediction of each model for each market of the coin, and how good it has been: its error held against
    that of saying that the price stays.
    """
    services = of(request)
    symbol = await services.coins.symbol(crypto)

    async def make() -> Mapping[str, Any]:
        since = services.clocks.now() - _RECENTLY
        data = await services.database.fetch("last_predictions", symbol=symbol, since=since)
        scores = await services.database.fetch("last_scores", symbol=symbol, since=since)
        return {"crypto_symbol": symbol, "count": len(data), "data": data, "scores": scores}

    return await answer(request, ("predictions", symbol), _SECOND, make)


@router.get(
    "/alert/historique/", response_model=RangedPage[Alert], summary="Alerts", openapi_extra=documented(AlertWords)
)
async def alerts(request: Request, words: Annotated[AlertWords, Depends(read(AlertWords))]) -> Response:
    """What was worth an alert."""
    values = {
        "symbol": await of(request).coins.optional(words.crypto_symbol),
        "pair": optional_pair(words.pair),
        "type": words.alert_type,
        "severity": words.severity,
        "change": words.min_change,
    }
    by = key("alert_id", alert_id="after_id")
    return await listing(request, words, words.range(request), "alerts", by, {}, values)


@router.get("/ranking/", response_model=Ranking, summary="Ranking of the coins", openapi_extra=documented(RankingWords))
async def ranking(request: Request, words: Annotated[RankingWords, Depends(read(RankingWords))]) -> Response:
    """The coins by their change in 24 hours, the best first: the newest ranking of each aggregator."""
    services = of(request)

    async def make() -> Mapping[str, Any]:
        since = services.clocks.now() - _MONTH
        data = await services.database.fetch("ranking", since=since, source=words.source, places=words.limit)
        for row in data:
            row["name"] = await services.coins.name(row["crypto_symbol"])
        return {"count": len(data), "data": data}

    return await answer(request, ("ranking", words.source, words.limit), _SECOND, make)


@router.get(
    "/quality/", response_model=Quality, summary="How good the feeds were", openapi_extra=documented(QualityWords)
)
async def quality(request: Request, words: Annotated[QualityWords, Depends(read(QualityWords))]) -> Response:
    """Counts and delays of each feed in a range of time, and the trades that are still missing."""
    services = of(request)
    now = services.clocks.now()
    range_ = choose(now, words.periode, words.date_debut, words.date_fin)

    async def make() -> Mapping[str, Any]:
        data = await services.database.fetch("feeds", start=range_.start, last=range_.end)
        gaps = await services.database.fetch("open_gaps", last=range_.end, rows=PAGE)
        return {
            "date_debut": range_.start,
            "date_fin": range_.end,
            "count": len(data),
            "data": data,
            "open_gaps": gaps[0]["open_gaps"] if gaps else 0,
            "gaps": [{name: value for name, value in gap.items() if name != "open_gaps"} for gap in gaps],
        }

    # A month of minutes takes a moment to add up: what is asked for anew each second is added up every ten.
    span = range_.end - range_.start
    return await answer(request, ("quality", span, range_.end if words.date_fin else None), 10 * _SECOND, make)
