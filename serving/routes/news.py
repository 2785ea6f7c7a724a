"""News: articles, their mood, what they did to prices; and the mood of the market."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from producers.sentiment import NEGATIVE_BELOW, POSITIVE_ABOVE
from serving.answers import UNKNOWN, Key, key, listing
from serving.coins import CoinPath, optional_pair
from serving.models import (
    Article,
    CoinPage,
    CoinSeries,
    Impact,
    MacroValue,
    MarketSentiment,
    RangedPage,
    SentimentPoint,
)
from serving.pages import Words
from serving.routes import PREFIX
from serving.routes.markets import not_rolled_up
from serving.routes.words import CoinWord, PairWord, Ranged, documented, read
from serving.services import of
from serving.times import RAW, Resolution, fit
from tidemark.settings import Settings

router = APIRouter(prefix=PREFIX, tags=["news"], responses=UNKNOWN)

_HOUR = timedelta(hours=1)
_YEAR = timedelta(days=365)
_BY_ID = key("article_id", article_id="after_id")
_IMPACT = Key(
    (
        ("timestamp", datetime, "last"),
        ("crypto_symbol", str, "after_symbol"),
        ("article_id", str, "after_id"),
        ("pair", str, "after_pair"),
        ("source", str, "after_source"),
        ("horizon_seconds", int, "after_horizon"),
    )
)


class SentimentWords(Ranged):
    """A page of the mood of a coin's news."""

    resolution: Annotated[str | None, Field(pattern=r"^[a-z0-9]{1,8}$", examples=["1h"])] = None


class Labelled(Words):
    """Articles of one mood, or of all."""

    sentiment_label: Annotated[
        Literal["positive", "neutral", "negative"] | None, Field(description="Only in this mood.")
    ] = None


class OfCoin(Ranged, Labelled):
    """A page of a coin's articles."""


class OfAny(OfCoin):
    """A page of articles."""

    crypto_symbol: CoinWord = None


class ImpactWords(Ranged):
    """A page of what news did."""

    crypto_symbol: CoinWord = None
    pair: PairWord = None
    horizon: Annotated[int | None, Field(ge=1, le=86_400, description="Only over so many seconds.", examples=[300])] = (
        None
    )
    article_id: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$", description="Only of this article.")
    ] = None
    min_score: Annotated[
        float | None, Field(ge=0, le=1e6, description="Only where the abnormal score is at least this, either way.")
    ] = None


class MacroWords(Ranged):
    """A page of economic values."""

    indicator: Annotated[str | None, Field(pattern=r"^[A-Z0-9_]{1,40}$", examples=["DFF"])] = None


def sentiment_of(settings: Settings) -> list[Resolution]:
    """Return the resolutions of the mood of a coin's news, the finest first."""
    return [Resolution(RAW, settings.windows.sentiment, 1), Resolution("1h", _HOUR, 1)]


@router.get(
    "/sentiment/{crypto}/historique/",
    response_model=CoinSeries[SentimentPoint],
    summary="Mood of the news",
    openapi_extra=documented(SentimentWords),
)
async def sentiment(
    request: Request, crypto: CoinPath, words: Annotated[SentimentWords, Depends(read(SentimentWords))]
) -> Response:
    """In which mood the news wrote about a coin: each window with an article in it, or each hour."""
    services = of(request)
    symbol = await services.coins.symbol(crypto)
    range_ = words.range(request)
    resolution = fit(range_, sentiment_of(services.settings), words.resolution)
    about = {"crypto_symbol": symbol}
    fixed = {"resolution": resolution.name}
    if resolution.name == RAW:
        return await listing(request, words, range_, "sentiment", key(), about, {"symbol": symbol}, fixed=fixed)
    values = {
        "symbol": symbol,
        "recent": not_rolled_up(services),
        "positive": POSITIVE_ABOVE,
        "negative": NEGATIVE_BELOW,
    }
    return await listing(
        request, words, range_, "sentiment_hours", key(), about, values, step=resolution.step, fixed=fixed
    )


@router.get(
    "/article/historique/", response_model=RangedPage[Article], summary="Articles", openapi_extra=documented(OfAny)
)
async def articles(request: Request, words: Annotated[OfAny, Depends(read(OfAny))]) -> Response:
    """What was in the news."""
    symbol = await of(request).coins.optional(words.crypto_symbol)
    values = {"symbol": symbol, "label": words.sentiment_label}
    return await listing(request, words, words.range(request), "articles", _BY_ID, {}, values)


@router.get(
    "/articles/{crypto}/",
    response_model=CoinPage[Article],
    summary="Articles about a coin",
    openapi_extra=documented(OfCoin),
)
async def articles_of(request: Request, crypto: CoinPath, words: Annotated[OfCoin, Depends(read(OfCoin))]) -> Response:
    """What was in the news about a coin."""
    symbol = await of(request).coins.symbol(crypto)
    values = {"symbol": symbol, "label": words.sentiment_label}
    return await listing(request, words, words.range(request), "articles", _BY_ID, {"crypto_symbol": symbol}, values)


@router.get(
    "/impact/", response_model=RangedPage[Impact], summary="What news did", openapi_extra=documented(ImpactWords)
)
async def impact(request: Request, words: Annotated[ImpactWords, Depends(read(ImpactWords))]) -> Response:
    """What the market did before and after each article, and how unusual that was."""
    values = {
        "symbol": await of(request).coins.optional(words.crypto_symbol),
        "pair": optional_pair(words.pair),
        "horizon": words.horizon,
        "article": words.article_id,
        "score": words.min_score,
    }
    return await listing(request, words, words.range(request), "impact", _IMPACT, {}, values)


@router.get(
    "/market-sentiment/",
    response_model=RangedPage[MarketSentiment],
    summary="Mood of the market",
    openapi_extra=documented(Ranged),
)
async def market_sentiment(request: Request, words: Annotated[Ranged, Depends(read(Ranged))]) -> Response:
    """The Fear & Greed index; without a range, of the last year."""
    range_ = words.range(request, usual=_YEAR)
    return await listing(request, words, range_, "market_sentiment", key("source"), {}, {})


@router.get(
    "/macro/", response_model=RangedPage[MacroValue], summary="Economic series", openapi_extra=documented(MacroWords)
)
async def macro(request: Request, words: Annotated[MacroWords, Depends(read(MacroWords))]) -> Response:
    """Values of economic series; without a range, of the last year."""
    range_ = words.range(request, usual=_YEAR)
    return await listing(request, words, range_, "macro", key("indicator"), {}, {"indicator": words.indicator})
