"""A market of some thousand rows, the same each time: as Python rows, which tests compute with, and as tables."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

from psycopg2.extras import execute_values

from stack.maintain import maintain, refresh_rollups
from tests.storage.conftest import Database

Row = dict[str, Any]

NOW = datetime(2026, 3, 15, 10, 30, 7, 400_000, tzinfo=timezone.utc)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GONE = 7 * DAY + HOUR  # age from which on there are no tickers and no windows of sentiment any more
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# What feeds may say: text to the API and to whoever reads it, never markup, SQL or a format.
NASTY = (
    "<script>alert('BTC')</script>",
    "'; DROP TABLE article_data; --",
    "%s %(pair)s {} ${jndi:ldap://127.0.0.1/x}",
    '"><img src=x onerror=alert(1)>',
    "\u202ereversed \u0007bell \\u0000 é 日本 🚀",
)
MODELS = ("last_price", "moving_average", "exponential_average", "least_squares")


def floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EPOCH) % step


class Market:
    """The rows of each table, as dicts by column."""

    def __init__(self, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.tables: dict[str, list[Row]] = {
            "trade_data": list(self._trades()),
            "ticker_data": list(self._tickers()),
            "price_data": list(self._prices()),
            "candles": list(self._candles()),
            "sentiment_data": list(self._moods()),
            "prediction_data": list(self._predictions()),
            "prediction_score": list(self._scores()),
            "article_data": list(self._articles()),
            "alert_data": list(self._alerts()),
            "ranking_24h": list(self._rankings()),
            "data_quality": list(self._quality()),
            "feed_gaps": list(self._gaps()),
            "market_sentiment_data": list(self._fear()),
            "macro_data": list(self._macro()),
            "volume_daily": list(self._volumes()),
        }
        self.tables["news_impact"] = list(self._impact())
        self.tables["price_hourly"] = list(self._price_hours())

    def __getitem__(self, table: str) -> list[Row]:
        return self.tables[table]

    def store(self, database: Database) -> None:
        """Write everything as the jobs do, and do what the maintenance does."""
        with closing(database.session("writer")) as connection, connection, connection.cursor() as cursor:
            for table, rows in self.tables.items():
                columns = list(rows[0])
                values = [[row[column] for column in columns] for row in rows]
                execute_values(cursor, f"INSERT INTO {table} ({', '.join(columns)}) VALUES %s", values, page_size=500)
        maintain(database.settings, now=NOW)
        refresh_rollups(database.settings)
        with closing(database.session("migrator")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                # As retention does: what is older is in the rollups only.
                cursor.execute("DELETE FROM ticker_data WHERE event_time < %s", (NOW - GONE,))
                cursor.execute("DELETE FROM sentiment_data WHERE window_start < %s", (NOW - GONE,))
                cursor.execute("ANALYZE")

    def _price(self) -> float:
        return round(self.chance.uniform(90_000, 110_000), 2)

    def _trades(self) -> Iterator[Row]:
        for number in range(2500):
            # Several of the same millisecond, and of two venues.
            at = floor(NOW - timedelta(seconds=(number // 3) * 115), timedelta(milliseconds=1))
            pair, source = (("BTC/USDT", "binance"), ("BTC/USDT", "okx"), ("ETH/USD", "kraken"))[number % 3]
            yield {
                "source": source,
                "symbol": pair[:3],
                "pair": pair,
                "trade_id": str(number),
                "price": self._price(),
                "quantity": round(self.chance.expovariate(1) + 1e-6, 6),
                "side": self.chance.choice(("buy", "sell")),
                "event_time": at,
                "ingest_time": at + 80 * timedelta(milliseconds=1),
            }

    def _tickers(self) -> Iterator[Row]:
        times = [NOW - n * timedelta(seconds=17) for n in range(1, 700)]  # 3 h
        times += [NOW - 3 * HOUR - n * timedelta(minutes=11) for n in range(1, 1200)]  # 9 days
        for at in times:
            for source in ("kraken", "bitstamp"):
                if self.chance.random() < 0.7:
                    last = self._price()
                    yield {
                        "source": source,
                        "symbol": "BTC",
                        "pair": "BTC/USD",
                        "last": last,
                        "bid": None if self.chance.random() < 0.1 else last - 1,
                        "ask": last + 1,
                        "volume_24h": round(self.chance.uniform(1, 9), 3),
                        "change_pct": round(self.chance.gauss(0, 1), 4),
                        "event_time": floor(at, timedelta(milliseconds=1)),
                        "ingest_time": at,
                    }

    def _prices(self) -> Iterator[Row]:
        coins = [("bitcoin", "BTC", "Bitcoin", 2e12), ("ethereum", "ETH", "Ethereum", 4e11)]
        coins += [("batcat", "BTC", "batcat", 5e4), ("wagmi-coin", "WAGMI", "Wagmi Coin", 1e6)]
        for source, step in (("coingecko", 10 * MINUTE), ("coinmarketcap", 25 * MINUTE)):
            for crypto_id, symbol, name, cap in coins:
                for number in range(1, 9 * DAY // step):
                    at = floor(NOW - number * step, timedelta(milliseconds=1))
                    yield {
                        "crypto_id": crypto_id,
                        "symbol": symbol,
                        "name": name,
                        "source": source,
                        "price_usd": self._price(),
                        "market_cap": cap,
                        "volume_24h": round(self.chance.uniform(1, 9), 3),
                        "change_24h": round(self.chance.gauss(0, 2), 3),
                        "event_time": at,
                        "ingest_time": at,
                    }

    def _price_hours(self) -> Iterator[Row]:
        """What the job analytics has written so far: every hour but the last three."""
        groups: dict[tuple[Any, ...], list[float]] = {}
        for row in self["price_data"]:
            hour = floor(row["event_time"], HOUR)
            if hour < floor(NOW, HOUR) - 2 * HOUR:
                groups.setdefault((row["source"], row["crypto_id"], row["symbol"], hour), []).append(row["price_usd"])
        for (source, crypto_id, symbol, hour), prices in groups.items():
            yield {
                "source": source,
                "crypto_id": crypto_id,
                "symbol": symbol,
                "hour_start": hour,
                "mean_price": mean(prices),
                "min_price": min(prices),
                "max_price": max(prices),
                "price_count": len(prices),
            }

    def _candles(self) -> Iterator[Row]:
        for resolution, step, count in (("1m", MINUTE, 1600), ("5m", 5 * MINUTE, 900), ("1h", HOUR, 800)):
            for number in range(1, count):
                start = floor(NOW, step) - number * step
                for source in ("binance", "okx"):
                    if self.chance.random() < 0.8:
                        open_, close = self._price(), self._price()
                        volume = round(self.chance.uniform(0, 9), 4)
                        yield {
                            "source": source,
                            "symbol": "BTC",
                            "pair": "BTC/USDT",
                            "resolution": resolution,
                            "window_start": start,
                            "window_end": start + step,
                            "open": open_,
                            "high": max(open_, close) + 1,
                            "low": min(open_, close) - 1,
                            "close": close,
                            "vwap": None if volume < 0.1 else (open_ + close) / 2,
                            "volume": volume,
                            "buy_volume": volume / 2,
                            "trade_count": self.chance.randrange(1, 99),
                        }

    def _moods(self) -> Iterator[Row]:
        start = floor(NOW, 3 * MINUTE)
        for _ in range(2000):
            start -= self.chance.choice((1, 1, 5, 20)) * 3 * MINUTE
            for symbol in ("BTC", "ETH"):
                if self.chance.random() < 0.5:
                    score = round(self.chance.random(), 4)
                    yield {
                        "crypto_symbol": symbol,
                        "window_start": start,
                        "window_end": start + 3 * MINUTE,
                        "sentiment_score": score,
                        "sentiment_label": label(score),
                        "confidence": 0.5,
                        "article_count": self.chance.randrange(1, 9),
                        "source": "aggregated_articles",
                    }

    def _predictions(self) -> Iterator[Row]:
        half = timedelta(seconds=30)
        for number in range(1, 400):
            end = floor(NOW, half) - number * half
            for model in MODELS:
                predicted, actual = self._price(), self._price()
                yield {
                    "source": "binance",
                    "crypto_symbol": "BTC",
                    "pair": "BTC/USDT",
                    "model_name": model,
                    "window_start": end - 3 * MINUTE,
                    "window_end": end,
                    "predicted_price": predicted,
                    "actual_price": None if number == 1 else actual,
                    "confidence_interval_low": predicted - 5000,
                    "confidence_interval_high": predicted + 5000,
                    "price_stddev": 10.0,
                    "min_price": predicted - 20,
                    "max_price": predicted + 20,
                    "trade_count": 7,
                    "target_time": end + half,
                }

    def _scores(self) -> Iterator[Row]:
        for window, step, length in (("1h", 5 * MINUTE, HOUR), ("1d", HOUR, DAY)):
            for number in range(1, 6):
                end = floor(NOW, step) - number * step
                for model, error in zip(MODELS, (1.0, 1.3, 1.1, 0.98), strict=True):
                    yield {
                        "source": "binance",
                        "crypto_symbol": "BTC",
                        "pair": "BTC/USDT",
                        "model_name": model,
                        "score_window": window,
                        "window_start": end - length,
                        "window_end": end,
                        "mean_absolute_error": error * 10 + number,
                        "bias": -0.5,
                        "coverage": 0.7,
                        "relative_error": None if number == 5 else error,
                        "prediction_count": 100 + number,
                    }

    def _articles(self) -> Iterator[Row]:
        for number in range(400):
            score = round(self.chance.random(), 3)
            coins = self.chance.choice(("BTC", "ETH", "BTC,ETH", "SOL,ETH,BTC", ""))
            at = floor(NOW - (number // 2) * 17 * MINUTE, SECOND)
            yield {
                "id": f"{self.chance.getrandbits(128):032x}",
                "title": NASTY[number % 20] if number % 20 < len(NASTY) else f"Title {number}",
                "url": f"https://news.example.com/{number}?a=1&b=<2>",
                "website": "CoinDesk",
                "summary": NASTY[number % 7] if number % 7 < len(NASTY) else "text",
                "cryptocurrencies_mentioned": coins,
                "sentiment_score": score,
                "sentiment_polarity": 2 * score - 1,
                "sentiment_label": label(score),
                "source": "rss",
                "event_time": at,
                "ingest_time": at,
            }

    def _alerts(self) -> Iterator[Row]:
        for number in range(450):
            at = floor(NOW - (number // 2) * 23 * MINUTE, timedelta(milliseconds=1))
            symbol = self.chance.choice(("BTC", "ETH"))
            yield {
                "alert_id": f"{self.chance.getrandbits(128):032x}",
                "alert_type": self.chance.choice(("spike", "zscore", "price_change")),
                "symbol": symbol,
                "pair": self.chance.choice((f"{symbol}/USDT", None)),
                "last_price": self._price(),
                "change_percent": self.chance.choice((None, round(self.chance.gauss(0, 2), 3))),
                "threshold": 1.0,
                "severity": self.chance.choice(("info", "warning", "critical")),
                "detail": self.chance.choice(NASTY),
                "event_time": at,
                "detected_at": at + SECOND,
                "ended_at": at + MINUTE if number % 3 else None,
            }

    def _impact(self) -> Iterator[Row]:
        for article in self["article_data"][:150]:
            for symbol in filter(None, article["cryptocurrencies_mentioned"].split(",")):
                for horizon in (60, 300, 900):
                    score = self.chance.choice((None, round(self.chance.gauss(0, 2), 3)))
                    yield {
                        "article_id": article["id"],
                        "symbol": symbol,
                        "source": "binance",
                        "pair": f"{symbol}/USDT",
                        "news_time": article["event_time"],
                        "horizon_seconds": horizon,
                        "price_before": self._price(),
                        "return_before_pct": 0.1,
                        "return_after_pct": score,
                        "volume_before": 1.0,
                        "volume_after": 2.0,
                        "volume_ratio": 2.0,
                        "abnormal_volume_ratio": None,
                        "volatility_before_pct": 0.2,
                        "volatility_after_pct": 0.3,
                        "abnormal_return_pct": score,
                        "abnormal_score": score,
                        "bars_before": 6,
                        "bars_after": 6,
                        "baseline_returns": 60,
                        "longest_pause_seconds": 1.5,
                        "missing": None if score is not None else "baseline",
                    }

    def _rankings(self) -> Iterator[Row]:
        for source in ("coingecko", "coinmarketcap"):
            for number in range(3):
                end = floor(NOW, 5 * MINUTE) - number * 5 * MINUTE - (HOUR if source == "coinmarketcap" else 0 * HOUR)
                for place, symbol in enumerate(self.chance.sample(("BTC", "ETH", "SOL", "WAGMI"), 4), 1):
                    yield {
                        "source": source,
                        "crypto_id": f"id-{symbol}",
                        "symbol": symbol,
                        "window_end": end,
                        "place": place,
                        "change_24h": 5.0 - place,
                        "price_usd": self._price(),
                    }

    def _quality(self) -> Iterator[Row]:
        for number in range(1, 1500):
            for topic, source in (("trades", "binance"), ("tickers", "kraken"), ("trades", "")):
                seen = self.chance.randrange(50, 99)
                yield {
                    "topic": topic,
                    "source": source,
                    "minute_start": floor(NOW, MINUTE) - number * MINUTE,
                    "seen": seen,
                    "valid": seen - 3,
                    "rejected": 1,
                    "duplicate": 1,
                    "late": 1,
                    "gap": self.chance.randrange(2),
                    "delay_p50": None if source == "" else round(self.chance.uniform(50, 90), 1),
                    "delay_p99": None if source == "" else round(self.chance.uniform(100, 900), 1),
                }

    def _gaps(self) -> Iterator[Row]:
        for number in range(130):
            at = NOW - number * 7 * MINUTE
            yield {
                "source": "binance",
                "pair": "BTC/USDT",
                "first_id": 10 * number,
                "last_id": 10 * number + 5,
                "missing": 6,
                "found": 6 if number % 10 == 0 else 2,
                "state": "closed" if number % 10 == 0 else "open",
                "from_time": floor(at, timedelta(milliseconds=1)),
                "to_time": floor(at + MINUTE, timedelta(milliseconds=1)),
            }

    def _fear(self) -> Iterator[Row]:
        for number in range(300):
            yield {
                "source": "alternative.me",
                "value": self.chance.randrange(101),
                "classification": "Greed",
                "event_time": floor(NOW, DAY) - number * DAY,
            }

    def _macro(self) -> Iterator[Row]:
        for number in range(300):
            for indicator, frequency in (("DFF", "daily"), ("UNRATE", "monthly")):
                at = floor(NOW, DAY) - number * DAY
                yield {
                    "indicator": indicator,
                    "value": round(self.chance.uniform(1, 9), 2),
                    "date": at.date(),
                    "frequency": frequency,
                    "event_time": at,
                }

    def _volumes(self) -> Iterator[Row]:
        for number in range(200):
            for source in ("binance", "okx"):
                yield {
                    "source": source,
                    "symbol": "BTC",
                    "pair": "BTC/USDT",
                    "day_start": floor(NOW, DAY) - number * DAY,
                    "volume": 9.5 + number,
                    "buy_volume": 4.5,
                    "turnover": None if number == 3 else 1e6,
                    "trade_count": 77,
                }


def mean(values: list[float]) -> float:
    """Return the mean of decimals, to the last digit."""
    return float(sum(Fraction(str(value)) for value in values) / len(values))


def label(score: float) -> str:
    return "positive" if score > 0.6 else "negative" if score < 0.4 else "neutral"
