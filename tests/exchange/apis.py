"""What the local server answers as CoinGecko, CoinMarketCap, NewsAPI, FRED and alternative.me."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.message import Message as Headers
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "k3y-of-the-tests"
DAY = datetime(2025, 3, 4, tzinfo=timezone.utc)  # what the made-up answers are of


@dataclass(frozen=True)
class Reply:
    """One answer. A 200 carries an ETag, and becomes a 304 for who sends it back."""

    body: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def settings_of(http_url: str, key: str = KEY) -> dict[str, dict[str, Any]]:
    """Return the settings that lead the sources to the server at ``http_url``."""
    return {
        "coingecko": {"url": f"{http_url}/api/v3", "api_key": key, "coins": ["BTC", "ETH"]},
        "coinmarketcap": {"url": http_url, "api_key": key},
        "newsapi": {"url": f"{http_url}/v2/everything", "api_key": key},
        "fred": {"csv_url": f"{http_url}/graph/fredgraph.csv", "api_url": f"{http_url}/fred/series/observations"},
        "fear_greed": {"url": f"{http_url}/fng/"},
    }


class Apis:
    """Answers as the documentation of each says: keys, limits, pages, errors.

    The first ``busy[path]`` requests of a path are refused with 429 and a Retry-After of 0 s.
    """

    def __init__(
        self,
        articles: int = 3,
        series: Mapping[str, Mapping[str, str]] | None = None,
        busy: Mapping[str, int] | None = None,
    ) -> None:
        self._articles = [article(number) for number in range(articles)]
        self._series = dict(series or {})
        self._busy = Counter(busy or {})
        self._routes: dict[str, Callable[[dict[str, str], Headers], Reply]] = {
            "/api/v3/coins/markets": self._markets,
            "/v1/cryptocurrency/listings/latest": self._listings,
            "/v2/everything": self._everything,
            "/graph/fredgraph.csv": self._csv,
            "/fred/series/observations": self._observations,
            "/fng/": self._index,
        }

    def answer(self, target: str, headers: Headers) -> Reply | None:
        """Return what the server says to a GET of ``target`` (path and query), or None where it has no such path."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        if self._busy[parts.path] > 0:
            self._busy[parts.path] -= 1
            return Reply("busy", 429, {"Retry-After": "0"})
        if parts.path in self._routes:
            return self._routes[parts.path](query, headers)
        if parts.path.startswith("/api/v3/coins/"):
            return self._chart(parts.path.split("/")[4], query, headers)
        return None

    def _markets(self, query: dict[str, str], headers: Headers) -> Reply:
        if headers.get("x-cg-demo-api-key", KEY) != KEY:
            return Reply(json.dumps({"status": {"error_code": 10002, "error_message": "API Key Missing"}}), 401)
        changes = query.get("price_change_percentage", "").split(",")
        found = [market(coin, changes) for coin in query["ids"].split(",") if coin in MARKETS]
        return Reply(json.dumps(found[: int(query.get("per_page", "100"))]))

    def _chart(self, coin: str, query: dict[str, str], headers: Headers) -> Reply:
        if headers.get("x-cg-demo-api-key", KEY) != KEY:
            return Reply(json.dumps({"status": {"error_code": 10002, "error_message": "API Key Missing"}}), 401)
        if coin not in MARKETS:
            return Reply(json.dumps({"error": "coin not found"}), 404)
        if "interval" in query:
            return Reply(json.dumps({"status": {"error_code": 10005, "error_message": "for paying customers"}}), 401)
        return Reply(json.dumps(chart(int(query["days"]))))

    def _listings(self, query: dict[str, str], headers: Headers) -> Reply:
        if headers.get("X-CMC_PRO_API_KEY") != KEY:
            return Reply(json.dumps({"status": {"error_code": 1001, "error_message": "This API Key is invalid."}}), 401)
        return Reply(json.dumps(listings(int(query.get("limit", "100")))))

    def _everything(self, query: dict[str, str], headers: Headers) -> Reply:
        if headers.get("X-Api-Key") != KEY:
            return Reply(json.dumps({"status": "error", "code": "apiKeyInvalid", "message": "Your key is wrong."}), 401)
        if not query.get("q"):
            return Reply(json.dumps({"status": "error", "code": "parametersMissing", "message": "No q."}), 400)
        found = self._articles[: min(100, int(query.get("pageSize", "100")))]
        return Reply(json.dumps({"status": "ok", "totalResults": len(self._articles), "articles": found}))

    def _csv(self, query: dict[str, str], headers: Headers) -> Reply:
        if query["id"] not in self._series:
            return Reply("<!DOCTYPE html><title>Error</title>", 404)
        rows = self._observed(query["id"], query.get("cosd", ""))
        return Reply("".join(f"{day},{value}\n" for day, value in [("observation_date", query["id"]), *rows]))

    def _observations(self, query: dict[str, str], headers: Headers) -> Reply:
        if query.get("api_key") != KEY or query["series_id"] not in self._series:
            return Reply(json.dumps({"error_code": 400, "error_message": "Bad Request."}), 400)
        rows = self._observed(query["series_id"], query.get("observation_start", ""))
        return Reply(json.dumps(observations([(day, value or ".") for day, value in rows])))

    def _observed(self, series: str, since: str) -> list[tuple[str, str]]:
        return [(day, value) for day, value in self._series[series].items() if day >= since]

    def _index(self, query: dict[str, str], headers: Headers) -> Reply:
        return Reply(json.dumps(fear_greed(int(query.get("limit", "1")))))


MARKETS = {"bitcoin": ("btc", "Bitcoin", 87123.0), "ethereum": ("eth", "Ethereum", 2170.55)}


def market(coin: str, changes: list[str]) -> dict[str, Any]:
    """Return a coin as /coins/markets has it."""
    symbol, name, price = MARKETS[coin]
    return {
        "id": coin,
        "symbol": symbol,
        "name": name,
        "image": f"https://coins.test/{coin}.png",
        "current_price": price,
        "market_cap": 1727641935242,
        "market_cap_rank": 1,
        "fully_diluted_valuation": None,
        "total_volume": 66171046041,
        "high_24h": price * 1.02,
        "low_24h": price * 0.94,
        "price_change_24h": -3000.5,
        "price_change_percentage_24h": -3.3,
        "circulating_supply": 19831212.0,
        "total_supply": 19831212.0,
        "max_supply": 21000000.0,
        "ath": 108786,
        "ath_change_percentage": -19.9,
        "ath_date": "2025-01-20T09:11:54.494Z",
        "atl": 67.81,
        "atl_change_percentage": 128400.1,
        "atl_date": "2013-07-06T00:00:00.000Z",
        "roi": None,
        "last_updated": "2025-03-04T12:34:56.789Z",
        **{f"price_change_percentage_{change}_in_currency": -3.3 for change in changes if change},
    }


def chart(days: int) -> dict[str, Any]:
    """Return a coin's chart as /coins/{id}/market_chart has it: an hour apart for 2 to 90 days."""
    step = timedelta(minutes=5) if days < 2 else timedelta(hours=1) if days <= 90 else timedelta(days=1)
    times = [round((DAY + number * step).timestamp() * 1000) for number in range(timedelta(days=days) // step)]
    return {
        "prices": [[time, 87000 + number / 7] for number, time in enumerate(times)],
        "market_caps": [[time, 1.7e12 + number] for number, time in enumerate(times)],
        "total_volumes": [[time, 6.6e10 + number] for number, time in enumerate(times)],
    }


def listings(count: int) -> dict[str, Any]:
    """Return ``count`` coins as /v1/cryptocurrency/listings/latest has them."""
    updated = "2025-03-04T12:34:00.000Z"
    quote = {
        "price": 87123.25,
        "volume_24h": 66171046041.5,
        "volume_change_24h": 12.1,
        "percent_change_1h": 0.15,
        "percent_change_24h": -3.3,
        "percent_change_7d": None,
        "market_cap": 1727641935242.3,
        "last_updated": updated,
    }
    coins = [
        {
            "id": number,
            "name": f"Coin {number}",
            "symbol": f"C{number}",
            "slug": f"coin-{number}",
            "cmc_rank": number,
            "circulating_supply": 19831212,
            "max_supply": None,
            "platform": None,
            "tags": ["mineable"],
            "last_updated": updated,
            "quote": {"USD": quote},
        }
        for number in range(1, count + 1)
    ]
    return {"status": {"timestamp": updated, "error_code": 0, "error_message": None, "credit_count": 1}, "data": coins}


def article(number: int) -> dict[str, Any]:
    """Return an article as NewsAPI has it."""
    return {
        "source": {"id": None, "name": f"Paper {number % 3}"},
        "author": "A. Writer",
        "title": f"Bitcoin soars again, says report {number}",
        "description": "A <b>great</b> day for Ethereum &amp; others",
        "url": f"https://paper.test/{number}?utm_source=newsapi",
        "urlToImage": None,
        "publishedAt": (DAY - timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "content": "A great day… [+1234 chars]",
    }


def removed() -> dict[str, Any]:
    """Return what NewsAPI says in place of an article that was withdrawn."""
    return {
        "source": {"id": None, "name": "[Removed]"},
        "author": None,
        "title": "[Removed]",
        "description": "[Removed]",
        "url": "https://removed.com",
        "urlToImage": None,
        "publishedAt": "1970-01-01T00:00:00Z",
        "content": "[Removed]",
    }


def observations(rows: list[tuple[str, str]]) -> dict[str, Any]:
    """Return (date, value) rows as FRED's API has them."""
    known = {"realtime_start": "2025-03-04", "realtime_end": "2025-03-04"}
    return {
        **known,
        "observation_start": "1600-01-01",
        "observation_end": "9999-12-31",
        "units": "lin",
        "output_type": 1,
        "file_type": "json",
        "order_by": "observation_date",
        "sort_order": "asc",
        "count": len(rows),
        "offset": 0,
        "limit": 100000,
        "observations": [{**known, "date": day, "value": value} for day, value in rows],
    }


def fear_greed(days: int) -> dict[str, Any]:
    """Return the index of ``days`` days, the newest first, as alternative.me has it."""
    data: list[dict[str, str]] = [
        {
            "value": str(15 + number),
            "value_classification": "Extreme Fear",
            "timestamp": str(round((DAY - timedelta(days=number)).timestamp())),
        }
        for number in range(days)
    ]
    data[0]["time_until_update"] = "41234"
    return {"name": "Fear and Greed Index", "data": data, "metadata": {"error": None}}
