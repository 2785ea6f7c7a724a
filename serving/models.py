"""What the API answers: the shape of every row and every answer. Times are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from serving.times import Period

Percent = float
Bound = Annotated[float | None, Field(description="Null where it is not known, or not of this resolution.")]
Untrusted = Annotated[str, Field(description="As the feed has it: text, never markup.")]
RowT = TypeVar("RowT", bound=BaseModel)


class Page(BaseModel, Generic[RowT]):
    """Rows, the newest first, and where the next page is."""

    count: int = Field(description="Rows in this answer.")
    next: str | None = Field(description="Address of the next page; null on the last one.")
    data: list[RowT]


class RangedPage(Page[RowT], Generic[RowT]):
    """Rows of a range of time."""

    date_debut: datetime = Field(description="The range begins here …")
    date_fin: datetime = Field(description="… and ends before this.")


class CoinPage(RangedPage[RowT], Generic[RowT]):
    """Rows about a coin."""

    crypto_symbol: str = Field(examples=["BTC"])


class CoinSeries(CoinPage[RowT], Generic[RowT]):
    """A series of a coin at one resolution."""

    resolution: str = Field(description="`raw`: as it was stored; else what a point spans.", examples=["raw", "1h"])


class PairPage(RangedPage[RowT], Generic[RowT]):
    """Rows about a pair."""

    pair: str = Field(examples=["BTC/USD"])


class PairSeries(PairPage[RowT], Generic[RowT]):
    """A series of a pair at one resolution."""

    resolution: str = Field(description="`raw`: as it was stored; else what a point spans.", examples=["1m"])


class SentimentPoint(BaseModel):
    """The mood of the news about a coin in a window of time."""

    timestamp: datetime = Field(description="Begin of the window.")
    window_end: datetime
    crypto_symbol: str = Field(examples=["BTC"])
    sentiment_score: float = Field(ge=0, le=1, examples=[0.72])
    sentiment_label: Literal["positive", "neutral", "negative"]
    confidence: Bound = Field(description="Share of the articles with this label; null for hours.", examples=[0.8])
    lowest_score: float
    highest_score: float
    article_count: int
    source: str = Field(examples=["aggregated_articles"])


class PricePoint(BaseModel):
    """A price of a coin by an aggregator, or the mean of an hour's."""

    timestamp: datetime
    source: str = Field(examples=["coingecko"])
    crypto_id: str = Field(description="What the aggregator calls the coin.", examples=["bitcoin"])
    crypto_symbol: str = Field(examples=["BTC"])
    name: str | None = Field(examples=["Bitcoin"])
    price_usd: float = Field(examples=[97288.59])
    min_price: float
    max_price: float
    price_count: int
    market_cap: Bound
    volume_24h: Bound
    change_24h: Bound


class LastPrice(BaseModel):
    """What one source said last of a coin's price."""

    kind: Literal["trade", "ticker", "aggregator"]
    source: str = Field(examples=["kraken"])
    pair: str | None = Field(description="Null for an aggregator.", examples=["BTC/USD"])
    price_usd: float = Field(examples=[97288.59])
    bid: Bound
    ask: Bound
    market_cap: Bound
    volume_24h: Bound
    change_24h: Bound
    timestamp: datetime


class LatestPrice(BaseModel):
    """The newest price of a coin in US dollars, and what every source said last."""

    crypto_symbol: str = Field(examples=["BTC"])
    name: str = Field(examples=["Bitcoin"])
    price_usd: float = Field(examples=[97288.59])
    source: str = Field(examples=["kraken"])
    kind: Literal["trade", "ticker", "aggregator"]
    pair: str | None = Field(examples=["BTC/USD"])
    timestamp: datetime
    market_cap: Bound
    volume_24h: Bound
    change_24h: Bound
    sources: list[LastPrice]


class Ticker(BaseModel):
    """The state of a market, or how its last price moved in a minute or an hour."""

    timestamp: datetime = Field(description="Of the ticker, or the begin of the minute or hour.")
    source: str = Field(examples=["kraken"])
    symbol: str = Field(examples=["BTC"])
    pair: str = Field(examples=["BTC/USD"])
    last: float = Field(examples=[97288.59])
    open: float
    high: float
    low: float
    bid: Bound
    ask: Bound
    volume_24h: Bound
    change_pct: Bound
    ticker_count: int


class Trade(BaseModel):
    """A trade."""

    timestamp: datetime
    source: str = Field(examples=["binance"])
    symbol: str = Field(examples=["BTC"])
    pair: str = Field(examples=["BTC/USDT"])
    trade_id: str = Field(examples=["527839145"])
    price: float = Field(examples=[97288.59])
    quantity: float = Field(examples=[0.0142])
    side: Literal["buy", "sell"]
    ingest_time: datetime


class Candle(BaseModel):
    """How the price of a market moved in a window of time, by its trades."""

    timestamp: datetime = Field(description="Begin of the window.")
    window_end: datetime
    source: str = Field(examples=["binance"])
    symbol: str = Field(examples=["BTC"])
    pair: str = Field(examples=["BTC/USDT"])
    resolution: str = Field(examples=["1m"])
    open: float = Field(examples=[97288.59])
    high: float = Field(examples=[97387.15])
    low: float = Field(examples=[97271.11])
    close: float = Field(examples=[97380.44])
    vwap: Bound
    volume: float
    buy_volume: float
    trade_count: int


class Volume(BaseModel):
    """What was traded in a day (UTC); that of today grows."""

    timestamp: datetime
    source: str = Field(examples=["binance"])
    symbol: str = Field(examples=["BTC"])
    pair: str = Field(examples=["BTC/USDT"])
    volume: float
    buy_volume: float
    turnover: Bound
    trade_count: int


class Prediction(BaseModel):
    """What a model predicted, and what came."""

    timestamp: datetime = Field(description="When it was predicted: the end of the window that it was made of.")
    target_time: datetime | None = Field(description="The time whose price is predicted.")
    source: str = Field(examples=["binance"])
    crypto_symbol: str = Field(examples=["BTC"])
    pair: str = Field(examples=["BTC/USDT"])
    model_name: str = Field(examples=["least_squares"])
    predicted_price: float = Field(examples=[97288.59])
    actual_price: float | None = Field(description="Null until it is known.", examples=[97301.02])
    confidence_interval_low: float
    confidence_interval_high: float
    in_interval: bool | None = Field(description="Whether the actual price lies in the interval.")
    price_stddev: float
    min_price: float
    max_price: float
    trade_count: int


class Score(BaseModel):
    """How good a model has been, held against saying that the price stays (`last_price`)."""

    timestamp: datetime = Field(description="End of the time that is scored.")
    source: str = Field(examples=["binance"])
    pair: str = Field(examples=["BTC/USDT"])
    model_name: str = Field(examples=["moving_average"])
    score_window: str = Field(description="Length of that time.", examples=["1h"])
    mean_absolute_error: float = Field(description="In the pair's currency.")
    bias: float = Field(description="Mean of predicted less actual.")
    coverage: float = Field(ge=0, le=1, description="Share of the actual prices inside the interval.")
    relative_error: float | None = Field(
        description="Error over that of `last_price`: below 1 the model is worth having.", examples=[1.31]
    )
    better_than_naive: bool | None = Field(description="Null where `last_price` made no error.")
    prediction_count: int


class Predictions(BaseModel):
    """What each model predicts of a coin now, and how far it is to be believed."""

    crypto_symbol: str = Field(examples=["BTC"])
    count: int
    data: list[Prediction]
    scores: list[Score]


class Article(BaseModel):
    """A news article."""

    timestamp: datetime = Field(description="When it was published.")
    article_id: str
    title: Untrusted = Field(examples=["Bitcoin climbs past 97,000 dollars"])
    url: str = Field(examples=["https://news.example.com/bitcoin"])
    website: str = Field(examples=["CoinDesk"])
    summary: Untrusted
    cryptocurrencies_mentioned: list[str] = Field(examples=[["BTC", "ETH"]])
    sentiment_score: float
    sentiment_polarity: float
    sentiment_label: Literal["positive", "neutral", "negative"]
    source: str = Field(examples=["rss"])


class Alert(BaseModel):
    """Something that was worth an alert."""

    timestamp: datetime
    alert_id: str
    alert_type: str = Field(examples=["spike"])
    crypto_symbol: str = Field(examples=["BTC"])
    pair: str | None = Field(examples=["BTC/USDT"])
    last_price: Bound
    change_percent: Bound
    threshold: float
    severity: str = Field(examples=["warning"])
    detail: Untrusted
    detected_at: datetime
    ended_at: datetime | None


class Impact(BaseModel):
    """What the market did before and after an article. Returns and volatilities are in percent."""

    timestamp: datetime = Field(description="When the article was published.")
    article_id: str
    title: str | None = Field(description="As the feed has it: text, never markup. Null where the article is gone.")
    url: str | None
    website: str | None
    sentiment_score: float | None
    sentiment_label: str | None
    crypto_symbol: str = Field(examples=["BTC"])
    source: str = Field(examples=["binance"])
    pair: str = Field(examples=["BTC/USDT"])
    horizon_seconds: int = Field(examples=[300])
    price_before: Bound
    return_before_pct: Bound
    return_after_pct: Bound
    volume_before: float
    volume_after: float
    volume_ratio: Bound
    abnormal_volume_ratio: Bound
    volatility_before_pct: Bound
    volatility_after_pct: Bound
    abnormal_return_pct: Bound
    abnormal_score: Bound
    missing: str | None = Field(description="Why something cannot be said; null where nothing is missing.")


class Rank(BaseModel):
    """A coin's place in a ranking; the best has 1."""

    timestamp: datetime = Field(description="When it was ranked.")
    source: str = Field(examples=["coingecko"])
    place: int = Field(examples=[1])
    crypto_id: str = Field(examples=["bitcoin"])
    crypto_symbol: str = Field(examples=["BTC"])
    name: str = Field(examples=["Bitcoin"])
    change_24h: Percent = Field(examples=[3.2])
    price_usd: float


class Ranking(BaseModel):
    """The newest ranking of each aggregator."""

    count: int
    data: list[Rank]


class Feed(BaseModel):
    """How good a feed was."""

    topic: str = Field(examples=["trades"])
    source: str = Field(description="Empty for messages that name none.", examples=["binance"])
    last_minute: datetime
    seen: int
    valid: int
    rejected: int
    duplicate: int
    late: int
    gap: int
    delay_p50: Bound
    delay_p99: Bound


class Gap(BaseModel):
    """A range of trade ids of which some are still missing."""

    source: str = Field(examples=["binance"])
    pair: str = Field(examples=["BTC/USDT"])
    first_id: int
    last_id: int
    missing: int
    from_time: datetime
    to_time: datetime


class Quality(BaseModel):
    """How good the feeds were, and what is still missing. Delays are milliseconds, of the worst minute."""

    date_debut: datetime
    date_fin: datetime
    count: int
    data: list[Feed]
    open_gaps: int = Field(description="How many there are; the newest are in `gaps`.")
    gaps: list[Gap]


class MarketSentiment(BaseModel):
    """A value of the Fear & Greed index."""

    timestamp: datetime
    source: str = Field(examples=["alternative.me"])
    value: int = Field(ge=0, le=100, examples=[71])
    classification: str = Field(examples=["Greed"])


class MacroValue(BaseModel):
    """A value of an economic series."""

    timestamp: datetime = Field(description="Its date, at midnight UTC.")
    indicator: str = Field(examples=["DFF"])
    value: float
    frequency: str = Field(examples=["daily"])


class CryptoConfig(BaseModel):
    """A coin as it is shown."""

    symbol: str = Field(examples=["SOL"])
    name: str = Field(examples=["Solana"])
    is_active: bool = Field(description="Whether users want to see it.")
    created_at: datetime | None = Field(description="Null for a coin that nobody has configured.")
    updated_at: datetime | None


class CryptoConfigs(BaseModel):
    """The coins that are shown or were configured, by symbol."""

    count: int
    data: list[CryptoConfig]


class NewCryptoConfig(BaseModel):
    """What is to be configured of a coin; configuring it again replaces it."""

    model_config = {
        "extra": "forbid",
        "json_schema_extra": {"examples": [{"symbol": "SOL", "name": "Solana", "is_active": True}]},
    }

    symbol: str = Field(pattern=r"^[A-Za-z0-9]{1,20}$", description="In any case; kept in capitals.")
    name: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[^\u0000-\u0020\u007F-\u00A0]([^\u0000-\u001F\u007F-\u009F]*[^\u0000-\u0020\u007F-\u00A0])?$",
        description="Without spaces around it.",
    )
    is_active: bool = True


class PeriodChoice(BaseModel):
    """The resolutions that fit a period, by series."""

    periode: Period
    seconds: int
    resolutions: dict[str, str] = Field(examples=[{"candles": "1m", "prix": "raw", "ticker": "1m", "sentiment": "raw"}])


class Threshold(BaseModel):
    """From which measure on something is worth an alert."""

    alert_type: str = Field(examples=["spike"])
    crypto_symbol: str | None = Field(description="Null: for every coin without a rule of its own.", examples=["BTC"])
    threshold: float
    unit: str = Field(examples=["%"])


class PairOfLate(BaseModel):
    """A pair with trades or tickers of today or yesterday."""

    kind: Literal["trade", "ticker"]
    pair: str = Field(examples=["BTC/USDT"])
    newest: datetime


class Visualization(BaseModel):
    """What a page that shows all this needs to know beforehand."""

    cryptos: list[CryptoConfig] = Field(description="Those that are active.")
    pairs: list[PairOfLate]
    periods: list[PeriodChoice]
    candle_resolutions: list[str] = Field(examples=[["1m", "5m", "1h"]])
    impact_horizons_seconds: list[int] = Field(examples=[[60, 300, 900]])
    sentiment_positive_above: float
    sentiment_negative_below: float
    thresholds: list[Threshold]
    page: int = Field(description="Rows of a page, unless `limit` says otherwise.")
    most_points: int = Field(description="Most rows of an answer.")


class Write(BaseModel):
    """Something that was changed, or that somebody was refused."""

    timestamp: datetime
    id: int
    actor: str = Field(examples=["key:k3v9x2ab"])
    address: str | None
    action: str = Field(examples=["POST /api/v1/config/crypto/"])
    status: int = Field(examples=[201])
    request_id: str | None
    detail: dict[str, Any]


class Readiness(BaseModel):
    """Whether the API can do its work."""

    status: Literal["ready", "not ready"]
    database: str = Field(examples=["ok"])
    kafka: str = Field(examples=["ok"])
    data: str = Field(examples=["ok"])
    newest_price: datetime | None


class Liveness(BaseModel):
    """That the process answers."""

    status: Literal["alive"]
