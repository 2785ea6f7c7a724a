"""A market of the last 30 days that could be true: what a desk shows is worth looking at only on such a one."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

from psycopg2.extras import execute_values

from stack.maintain import maintain, refresh_rollups
from tests.storage.conftest import Database

Row = dict[str, Any]

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
COINS = {"BTC": 96_400.0, "ETH": 3_480.0, "SOL": 188.0}
VENUES = {"binance": 1.0, "okx": 0.55}
SCRIPT = "<script>window.harmed = true</script><img src=x onerror='window.harmed = true'> Bitcoin & \"friends\""
HEADLINES = (
    ("Bitcoin climbs as funds report the largest inflow since spring", 0.86, "BTC"),
    ("Exchange halts withdrawals after a wallet is drained", 0.12, "BTC,ETH"),
    ("Developers set a date for the next Ethereum upgrade", 0.68, "ETH"),
    ("Central bank holds rates, hints at two cuts", 0.64, "BTC,ETH,SOL"),
    ("Regulator delays its decision on a spot fund", 0.33, "BTC"),
    ("Miners sell reserves as fees fall to a yearly low", 0.28, "BTC"),
    ("Solana processes a record number of transactions", 0.79, "SOL"),
    ("Whale moves 9,000 coins to an exchange", 0.38, "BTC"),
    ("Payments firm adds stablecoins in twelve countries", 0.71, "BTC,ETH"),
    ("Options traders brace for the largest expiry of the quarter", 0.5, "BTC,ETH"),
    ("Court throws out the case against a market maker", 0.66, "BTC"),
    ("Outage at a cloud provider slows two exchanges", 0.22, "BTC,SOL"),
)
MODELS = {"last_price": 1.0, "moving_average": 1.24, "exponential_average": 1.07, "least_squares": 0.94}
ALERTS = (
    ("spike", 1.0, "{pair} moved {change:+.2f} % within 60 s on binance"),
    ("price_change", 0.5, "{pair} moved {change:+.2f} % between two tickers of kraken"),
    ("zscore", 3.0, "{pair} is {sigma:.1f} standard deviations from its mean of an hour on binance"),
    ("volume_surge", 4.0, "{pair} traded {sigma:.1f} times its usual volume of a minute on okx"),
    ("daily_move", 5.0, "{symbol} moved {change:+.2f} % in 24 hours by coingecko"),
    ("sentiment_shift", 0.25, "The mood of the news about {symbol} moved by 0.31 within an hour"),
)


def floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - EPOCH) % step


def label(score: float) -> str:
    return "positive" if score > 0.6 else "negative" if score < 0.4 else "neutral"


class Desk:
    """The rows of each table, as dicts by column. Prices walk back from those of now, and calls find them the same."""

    def __init__(self, now: datetime, seed: int = 7) -> None:
        self.now = floor(now, SECOND)
        self.chance = random.Random(seed)
        self.closes = {symbol: self._walk(price) for symbol, price in COINS.items()}
        self.news = self._news()
        self.tables: dict[str, list[Row]] = {
            "candles": list(self._candles()),
            "trade_data": list(self._trades()),
            "price_data": list(self._prices()),
            "article_data": self.news,
            "news_impact": list(self._impact()),
            "alert_data": list(self._alerts()),
            "ranking_24h": list(self._ranking()),
            "sentiment_data": list(self._moods()),
            "market_sentiment_data": list(self._fear()),
            "volume_daily": list(self._volumes()),
            "prediction_data": list(self._predictions()),
            "prediction_score": list(self._scores()),
            "data_quality": list(self._quality()),
            "feed_gaps": list(self._gaps()),
            "macro_data": list(self._macro()),
        }

    def __getitem__(self, table: str) -> list[Row]:
        return self.tables[table]

    def store(self, database: Database) -> None:
        """Write everything as the jobs do."""
        maintain(database.settings, now=self.now)
        with closing(database.session("writer")) as connection, connection, connection.cursor() as cursor:
            for table, rows in self.tables.items():
                columns = list(rows[0])
                values = [[row[column] for column in columns] for row in rows]
                execute_values(cursor, f"INSERT INTO {table} ({', '.join(columns)}) VALUES %s", values, page_size=1000)
        maintain(database.settings, now=self.now)
        refresh_rollups(database.settings)

    def price(self, symbol: str, at: datetime) -> float:
        """Return the price of a coin at a moment of the last 31 days."""
        closes = self.closes[symbol]
        return closes[min(len(closes) - 1, max(0, int((self.now - at) / MINUTE)))]

    def _walk(self, price: float) -> list[float]:
        """Return closes of minutes, the newest first, in calmer and wilder hours."""
        found, pace = [price], 0.0005
        for minute in range(31 * 24 * 60):
            if minute % 90 == 0:
                pace = 0.0005 * math.exp(self.chance.gauss(0, 0.45))
            jump = self.chance.gauss(0, 0.009) if self.chance.random() < 0.0012 else 0
            found.append(found[-1] * (1 + self.chance.gauss(0.000003, pace) + jump))
        return found

    def _candles(self) -> Iterator[Row]:
        for symbol in COINS:
            for source, share in VENUES.items():
                for name, step, reach in (("1m", MINUTE, DAY), ("5m", 5 * MINUTE, 7 * DAY), ("1h", HOUR, 30 * DAY)):
                    for number in range(1, reach // step):
                        start = floor(self.now, step) - number * step
                        yield self._candle(symbol, source, share, name, start, step)

    def _candle(self, symbol: str, source: str, share: float, name: str, start: datetime, step: timedelta) -> Row:
        minutes = step // MINUTE
        every = max(1, minutes // 12)
        path = [self.price(symbol, start + minute * MINUTE) for minute in range(0, minutes + 1, every)]
        open_, close = path[0], self.price(symbol, start + step)
        path.append(close)
        wick = 0.0003 * open_ * minutes**0.4
        high = max(path) + self.chance.random() * wick
        low = min(path) - self.chance.random() * wick
        move = abs(close - open_) / open_
        busy = 1 + 0.5 * math.sin(start.hour / 24 * 2 * math.pi) + 300 * move / minutes**0.5
        volume = share * minutes * busy * self.chance.uniform(0.6, 1.5) * 400_000 / open_
        bought = volume * min(0.95, max(0.05, 0.5 + (close - open_) / open_ * 40 + self.chance.gauss(0, 0.04)))
        return {
            "source": source,
            "symbol": symbol,
            "pair": f"{symbol}/USDT",
            "resolution": name,
            "window_start": start,
            "window_end": start + step,
            "open": round(open_, 2),
            "high": round(high, 2),
            "low": round(low, 2),
            "close": round(close, 2),
            "vwap": round((high + low + close) / 3, 2),
            "volume": round(volume, 4),
            "buy_volume": round(bought, 4),
            "trade_count": int(volume * 40 * share) + 1,
        }

    def _trades(self) -> Iterator[Row]:
        for symbol in COINS:
            for source in VENUES:
                for number in range(240):
                    at = self.now - number * SECOND - timedelta(milliseconds=self.chance.randrange(900))
                    yield {
                        "source": source,
                        "symbol": symbol,
                        "pair": f"{symbol}/USDT",
                        "trade_id": str(9_000_000 - number),
                        "price": round(self.price(symbol, at) * (1 + self.chance.gauss(0, 0.00004)), 2),
                        "quantity": round(self.chance.expovariate(8), 5) + 0.00001,
                        "side": self.chance.choice(("buy", "sell")),
                        "event_time": at,
                        "ingest_time": at + timedelta(milliseconds=80),
                    }

    def _prices(self) -> Iterator[Row]:
        for symbol, name, id_, cap in (
            ("BTC", "Bitcoin", "bitcoin", 1.91e12),
            ("ETH", "Ethereum", "ethereum", 4.19e11),
            ("SOL", "Solana", "solana", 8.9e10),
        ):
            for number in range(1, 50):
                at = self.now - number * 2 * MINUTE
                yield {
                    "crypto_id": id_,
                    "symbol": symbol,
                    "name": name,
                    "source": "coingecko",
                    "price_usd": round(self.price(symbol, at), 2),
                    "market_cap": cap,
                    "volume_24h": 3.1e10,
                    "change_24h": self._change(symbol),
                    "event_time": at,
                    "ingest_time": at,
                }

    def _change(self, symbol: str) -> float:
        return round((COINS[symbol] / self.price(symbol, self.now - DAY) - 1) * 100, 3)

    def _news(self) -> list[Row]:
        found: list[Row] = []
        at = self.now - 3 * MINUTE
        for number in range(150):
            title, score, coins = (SCRIPT, 0.5, "BTC") if number == 4 else HEADLINES[number % len(HEADLINES)]
            found.append(
                {
                    "id": f"{self.chance.getrandbits(256):064x}",
                    "title": title,
                    "url": "javascript:alert(1)" if number == 4 else f"https://news.example.com/{number}",
                    "website": ("CoinDesk", "Cointelegraph", "Decrypt")[number % 3],
                    "summary": "A summary.",
                    "cryptocurrencies_mentioned": coins,
                    "sentiment_score": score,
                    "sentiment_polarity": 2 * score - 1,
                    "sentiment_label": label(score),
                    "source": "rss",
                    "event_time": at,
                    "ingest_time": at + 20 * SECOND,
                }
            )
            at -= timedelta(minutes=self.chance.expovariate(1 / (35 if number < 40 else 240)))
        return [row for row in found if row["event_time"] > self.now - 30 * DAY]

    def _impact(self) -> Iterator[Row]:
        for article in self.news[1:]:  # the newest is not measured yet
            for symbol in article["cryptocurrencies_mentioned"].split(","):
                for source in VENUES:
                    for horizon in (60, 300, 900):
                        moved = (article["sentiment_score"] - 0.5) * 0.5 + self.chance.gauss(0, 0.12)
                        moved = round(moved * (horizon / 300) ** 0.4, 4)
                        missing = horizon == 900 and article is self.news[3]
                        yield {
                            "article_id": article["id"],
                            "symbol": symbol,
                            "source": source,
                            "pair": f"{symbol}/USDT",
                            "news_time": article["event_time"],
                            "horizon_seconds": horizon,
                            "price_before": round(self.price(symbol, article["event_time"]), 2),
                            "return_before_pct": round(self.chance.gauss(0, 0.1), 4),
                            "return_after_pct": None if missing else moved,
                            "volume_before": 12.0,
                            "volume_after": 21.0,
                            "volume_ratio": round(1 + abs(moved) * 3, 3),
                            "abnormal_volume_ratio": None,
                            "volatility_before_pct": 0.2,
                            "volatility_after_pct": 0.3,
                            "abnormal_return_pct": None if missing else moved,
                            "abnormal_score": None if missing else round(moved / 0.11, 2),
                            "bars_before": 6,
                            "bars_after": 6,
                            "baseline_returns": 60,
                            "longest_pause_seconds": 1.5,
                            "missing": "after" if missing else None,
                        }

    def _alerts(self) -> Iterator[Row]:
        at = self.now - 2 * MINUTE
        for number in range(160):
            kind, threshold, text = ALERTS[self.chance.choice((0, 0, 0, 1, 1, 2, 3, 4, 5))]
            symbol = self.chance.choice(("BTC", "BTC", "ETH", "SOL"))
            size = abs(self.chance.gauss(0, 0.9)) + (5 if kind == "daily_move" else 0.5)
            change = round(self.chance.choice((-1, 1)) * size, 3)
            sigma = self.chance.uniform(3, 6)
            plain = kind in ("volume_surge", "sentiment_shift")
            wide = kind in ("daily_move", "sentiment_shift")
            how = "critical" if size > 1.9 and not plain else "warning" if size > 0.9 else "info"
            yield {
                "alert_id": f"{self.chance.getrandbits(128):032x}",
                "alert_type": kind,
                "symbol": symbol,
                "pair": None if wide else f"{symbol}/USDT",
                "last_price": round(self.price(symbol, at), 2),
                "change_percent": None if plain else change,
                "threshold": threshold,
                "severity": how,
                "detail": SCRIPT
                if number == 6
                else text.format(pair=f"{symbol}/USDT", symbol=symbol, change=change, sigma=sigma),
                "event_time": at,
                "detected_at": at + SECOND,
                "ended_at": None if number % 5 == 0 else at + MINUTE,
            }
            at -= timedelta(seconds=self.chance.expovariate(1 / (900 if number < 40 else 9000)))

    def _ranking(self) -> Iterator[Row]:
        more = {"XRP": 2.31, "ADA": 0.72, "DOGE": 0.21, "DOT": 6.4, "AVAX": 33.1, "LINK": 17.9, "LTC": 92.4}
        gains = {symbol: self._change(symbol) for symbol in COINS}
        gains |= {symbol: round(self.chance.gauss(0, 4), 3) for symbol in more}
        best = sorted(gains, key=lambda symbol: -gains[symbol])
        for place, symbol in enumerate(best, 1):
            yield {
                "source": "coingecko",
                "crypto_id": symbol.lower(),
                "symbol": symbol,
                "window_end": floor(self.now, 5 * MINUTE),
                "place": place,
                "change_24h": gains[symbol],
                "price_usd": COINS.get(symbol) or more[symbol],
            }

    def _moods(self) -> Iterator[Row]:
        for symbol in COINS:
            score, start = 0.55, floor(self.now, HOUR)
            for _ in range(150):
                score = min(0.95, max(0.05, 0.55 + 0.8 * (score - 0.55) + self.chance.gauss(0, 0.09)))
                yield {
                    "crypto_symbol": symbol,
                    "window_start": start,
                    "window_end": start + 3 * MINUTE,
                    "sentiment_score": round(score, 4),
                    "sentiment_label": label(score),
                    "confidence": 0.7,
                    "article_count": self.chance.randrange(1, 5),
                    "source": "aggregated_articles",
                }
                start -= self.chance.choice((1, 1, 1, 2)) * HOUR

    def _fear(self) -> Iterator[Row]:
        value = 64.0
        for number in range(120):
            names = ("Extreme Fear", "Fear", "Neutral", "Greed", "Extreme Greed")
            yield {
                "source": "alternative.me",
                "value": int(value),
                "classification": names[min(4, int(value // 20))],
                "event_time": floor(self.now, DAY) - number * DAY,
            }
            value = min(92, max(8, value + self.chance.gauss(-0.1, 4)))

    def _volumes(self) -> Iterator[Row]:
        for symbol, price in COINS.items():
            for source, share in VENUES.items():
                for number in range(60):
                    start = floor(self.now, DAY) - number * DAY
                    part = 1 if number else max(0.02, (self.now - start) / DAY)
                    volume = share * 1.1e9 / price * self.chance.uniform(0.6, 1.6) * part
                    yield {
                        "source": source,
                        "symbol": symbol,
                        "pair": f"{symbol}/USDT",
                        "day_start": start,
                        "volume": round(volume, 3),
                        "buy_volume": round(volume * self.chance.uniform(0.44, 0.56), 3),
                        "turnover": round(volume * price, 2),
                        "trade_count": int(volume * 40),
                    }

    def _predictions(self) -> Iterator[Row]:
        half = timedelta(seconds=30)
        for symbol, price in COINS.items():
            for source in VENUES:
                for number in range(1, 140):
                    end = floor(self.now, half) - number * half
                    actual = self.price(symbol, end + half) + self.chance.gauss(0, price * 0.0001)
                    for model, error in MODELS.items():
                        predicted = self.price(symbol, end) + self.chance.gauss(0, price * 0.00022 * error)
                        spread = price * 0.0006
                        yield {
                            "source": source,
                            "crypto_symbol": symbol,
                            "pair": f"{symbol}/USDT",
                            "model_name": model,
                            "window_start": end - 3 * MINUTE,
                            "window_end": end,
                            "predicted_price": round(predicted, 2),
                            "actual_price": None if number == 1 else round(actual, 2),
                            "confidence_interval_low": round(predicted - spread, 2),
                            "confidence_interval_high": round(predicted + spread, 2),
                            "price_stddev": round(spread, 4),
                            "min_price": round(predicted - spread, 2),
                            "max_price": round(predicted + spread, 2),
                            "trade_count": 170,
                            "target_time": end + half,
                        }

    def _scores(self) -> Iterator[Row]:
        for symbol, price in COINS.items():
            for source in VENUES:
                for window, step, length in (("1h", 5 * MINUTE, HOUR), ("1d", HOUR, DAY)):
                    end = floor(self.now, step)
                    for model, error in MODELS.items():
                        yield {
                            "source": source,
                            "crypto_symbol": symbol,
                            "pair": f"{symbol}/USDT",
                            "model_name": model,
                            "score_window": window,
                            "window_start": end - length,
                            "window_end": end,
                            "mean_absolute_error": round(price * 0.00031 * error, 4),
                            "bias": round(self.chance.gauss(0, price * 0.00002), 4),
                            "coverage": round(0.72 - error / 20, 3),
                            "relative_error": error,
                            "prediction_count": 118 if window == "1h" else 2870,
                        }

    def _quality(self) -> Iterator[Row]:
        feeds = {
            ("trades", "binance"): (2400, 70),
            ("trades", "okx"): (1300, 95),
            ("tickers", "kraken"): (60, 120),
            ("tickers", "bitstamp"): (40, 160),
            ("prices", "coingecko"): (10, 900),
        }
        for (topic, source), (usual, delay) in feeds.items():
            for number in range(2, 61):
                if source == "bitstamp" and number < 14:
                    continue  # stale
                seen = int(usual * self.chance.uniform(0.8, 1.2))
                twice, late = self.chance.randrange(3), self.chance.randrange(2)
                yield {
                    "topic": topic,
                    "source": source,
                    "minute_start": floor(self.now, MINUTE) - number * MINUTE,
                    "seen": seen,
                    "valid": seen - twice - late,
                    "rejected": 0,
                    "duplicate": twice,
                    "late": late,
                    "gap": 3 if source == "okx" and number == 20 else 0,
                    "delay_p50": round(delay * self.chance.uniform(0.8, 1.3), 1),
                    "delay_p99": round(delay * self.chance.uniform(3, 7), 1),
                }

    def _gaps(self) -> Iterator[Row]:
        at = self.now - 20 * MINUTE
        yield {
            "source": "okx",
            "pair": "BTC/USDT",
            "first_id": 8_991_201,
            "last_id": 8_991_203,
            "missing": 3,
            "found": 0,
            "state": "open",
            "from_time": at,
            "to_time": at + SECOND,
        }

    def _macro(self) -> Iterator[Row]:
        start = floor(self.now, DAY)
        for number in range(1, 360):
            at = start - number * DAY
            if at.weekday() < 5:
                rate = 4.33 if number < 60 else 4.58 if number < 140 else 4.83 if number < 230 else 5.33
                yield _economic("DFF", rate, at, "daily")
                yield _economic("T10Y2Y", round(0.4 - number / 400 + self.chance.gauss(0, 0.03), 2), at, "daily")
            if at.day == 1:
                yield _economic("CPIAUCSL", round(319.8 - number * 0.025, 3), at, "monthly")
                yield _economic("UNRATE", round(4.2 - self.chance.random() / 3, 1), at, "monthly")


def _economic(indicator: str, value: float, at: datetime, frequency: str) -> Row:
    return {"indicator": indicator, "value": value, "date": at.date(), "frequency": frequency, "event_time": at}
