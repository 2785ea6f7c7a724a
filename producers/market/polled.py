"""What is asked for beside the trades: two aggregators' prices, the Fear & Greed index, economic series.

They have the form of producers/sources/coingecko.py, coinmarketcap.py, fear_greed.py and fred.py. What is said of a day
is the same for a seed whenever the market starts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone

from producers import coins
from producers.market.config import DAY, MINUTE, Coin, MarketConfig
from producers.market.plan import Divergence
from producers.message import Message

AGGREGATORS = {"coingecko": MINUTE, "coinmarketcap": 2 * MINUTE}  # and how often each is asked, in ms
# Of a price, either way: what an aggregator always adds to a coin, and what it adds at random; together at most 0.1 %.
_BIAS = 0.0006
_NOISE = 0.0004
_FIRST_MS = (3_000, 20_000)  # after the start; by then there is a ticker
_LAST_MS = 4_000  # before the end; after it there is one more
_APART_MS = 1_000  # at most, between the two aggregators
_HOUR = 60 * MINUTE
_INGEST_MS = (5, 250)
# CoinMarketCap's ids, and roughly how many coins there are.
_LISTINGS = {
    "BTC": ("1", 19.9e6),
    "ETH": ("1027", 120.7e6),
    "SOL": ("5426", 540e6),
    "BNB": ("1839", 139e6),
    "XRP": ("52", 59.5e9),
    "ADA": ("2010", 35.8e9),
    "DOGE": ("74", 151e9),
    "AVAX": ("5805", 422e6),
    "DOT": ("6636", 1.6e9),
    "LINK": ("1975", 678e6),
}
_MOODS = ((25, "Extreme Fear"), (47, "Fear"), (55, "Neutral"), (76, "Greed"), (101, "Extreme Greed"))
_DAYS_BEFORE = 7
_MONTHS = 3


def with_prices(
    config: MarketConfig, coin: Coin, market: Iterable[Message], divergences: list[Divergence]
) -> Iterator[Message]:
    """Yield ``market``, the trades and tickers of a pair, and between them what the aggregators then say of its coin.

    USDT are taken for US dollars. ``divergences`` are those of the coin.
    """
    rng = config.random(f"prices {coin.symbol}")
    bias = {source: rng.uniform(-_BIAS, _BIAS) for source in AGGREGATORS}
    past: dict[str, deque[float]] = {
        source: deque(maxlen=_HOUR // every) for source, every in AGGREGATORS.items()
    }  # what a source said in the last hour
    first = config.start_ms + rng.randint(*_FIRST_MS)
    polls = iter(
        sorted(
            (at + rng.randrange(_APART_MS), source)
            for source, every in AGGREGATORS.items()
            for at in range(first, config.end_ms - _LAST_MS, every)
        )
    )
    due = next(polls, None)
    last = volume = 0.0
    for message in market:
        while due is not None and due[0] < message.value["event_time"]:
            at, source = due
            off = sum(one.pct for one in divergences if one.source == source and one.time_ms <= at < one.end_ms)
            error = bias[source] + rng.uniform(-_NOISE, _NOISE)
            price = _rounded(last * (1 + error) * (1 + off / 100))
            before = past[source][0] if len(past[source]) == past[source].maxlen else None
            past[source].append(price)
            yield _price(coin, source, at, at + rng.randint(*_INGEST_MS), price, before, volume)
            due = next(polls, None)
        if message.topic == "tickers":
            last, volume = message.value["last"], message.value["volume_24h"]
        else:
            last = message.value["price"]
        yield message


def _price(
    coin: Coin, source: str, at: int, ingest_time: int, price: float, hour_before: float | None, volume: float
) -> Message:
    listing, supply = _LISTINGS[coin.symbol]
    value = {
        "crypto_id": coins.COINGECKO_IDS[coin.symbol] if source == "coingecko" else listing,
        "symbol": coin.symbol,
        "name": coins.COINS[coin.symbol].name,
        "source": source,
        "price_usd": price,
        "market_cap": float(round(price * supply)),
        "volume_24h": round(price * volume, 2),
        "change_1h": round((price / hour_before - 1) * 100, 6) if hour_before else None,
        # No market lasts longer than a day, and nothing is known of before.
        **dict.fromkeys(("change_24h", "change_7d", "ath", "atl")),
        "circulating_supply": supply,
        "event_time": at,
        "ingest_time": ingest_time,
    }
    return Message("prices", coin.symbol, value)


def _rounded(price: float) -> float:
    return float(f"{price:.8g}")


def market_sentiment(config: MarketConfig) -> list[Message]:
    """Return the Fear & Greed index of each day (UTC) that the market touches."""
    found = []
    for day in _days(config):
        number = config.random(f"market sentiment {day:%Y-%m-%d}").randint(5, 95)
        value = {
            "source": "alternative.me",
            "value": number,
            "classification": next(word for below, word in _MOODS if number < below),
            "event_time": _millis(day),
        }
        found.append(Message("market_sentiment", "alternative.me", value))
    return found


def macro(config: MarketConfig) -> list[Message]:
    """Return the federal funds rate (DFF) of the days that the market touches and the seven before, and the
    unemployment rate (UNRATE) of its last month and the two before, in order of time, as if published at once.
    """
    days = _days(config)
    found = [
        _observation(config, "DFF", "daily", day, 4.33, 0.02, 2)
        for day in (*(days[0] - timedelta(days=back) for back in range(_DAYS_BEFORE, 0, -1)), *days)
    ]
    month = days[-1].replace(day=1)
    for _ in range(_MONTHS):
        found.append(_observation(config, "UNRATE", "monthly", month, 4.2, 0.2, 1))
        month = (month - timedelta(days=1)).replace(day=1)
    return sorted(found, key=lambda message: int(message.value["event_time"]))


def _observation(
    config: MarketConfig, indicator: str, frequency: str, day: datetime, middle: float, width: float, decimals: int
) -> Message:
    date = f"{day:%Y-%m-%d}"
    value = {
        "indicator": indicator,
        "value": round(middle + config.random(f"{indicator} {date}").uniform(-width, width), decimals),
        "date": date,
        "frequency": frequency,
        "event_time": _millis(day),
    }
    return Message("macro", indicator, value)


def _days(config: MarketConfig) -> list[datetime]:
    """Return the midnights (UTC) with which the days begin that the market touches."""
    return [
        datetime.fromtimestamp(number * DAY // 1000, timezone.utc)
        for number in range(config.start_ms // DAY, (config.end_ms - 1) // DAY + 1)
    ]


def _millis(day: datetime) -> int:
    return round(day.timestamp()) * 1000
