"""The jobs' results computed another way: plain Python with exact decimals, from the sound messages alone."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from hashlib import md5
from itertools import pairwise
from typing import Any

import pytest

from tests.world import Row

BAR = 1_000
MINUTE = 60_000
_EXACT = Context(prec=60)
Key = tuple[Any, ...]


def keyed(rows: Iterable[Row], *names: str) -> dict[Key, Row]:
    """Return ``rows`` by the values of ``names``, without these. Raises AssertionError where a key comes twice."""
    found: dict[Key, Row] = {}
    for row in rows:
        key = tuple(row[name] for name in names)
        assert key not in found, f"twice: {key}"
        found[key] = {name: value for name, value in row.items() if name not in names}
    return found


def decimal(value: float, places: int = 12) -> Decimal:
    """Return ``value`` as decimal with so many places."""
    with localcontext(_EXACT):
        return Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def order(trade: Row) -> Key:
    """Return what trades are ordered by: numbers in ids by their size."""
    return trade["event_time"], trade["trade_id"].rjust(64, "0"), repr(trade["price"])


def windows(at: int, size: int, slide: int) -> Iterator[int]:
    """Yield the starts of the windows that ``at`` is in."""
    start = at - at % slide
    while start > at - size:
        yield start
        start -= slide


def windowed(trades: Iterable[Row], size: int, slide: int) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = defaultdict(list)
    for trade in trades:
        for start in windows(trade["event_time"], size, slide):
            found[trade["source"], trade["symbol"], trade["pair"], start].append(trade)
    return {key: sorted(mine, key=order) for key, mine in found.items()}


def candles(trades: Iterable[Row], size: int = 60_000, resolution: str = "1m") -> list[Row]:
    """Return the rows of the table candles."""
    rows = []
    with localcontext(_EXACT):
        for (source, symbol, pair, start), mine in windowed(trades, size, size).items():
            prices = [trade["price"] for trade in mine]
            quantities = [decimal(trade["quantity"]) for trade in mine]
            # A product of two decimals of Flink has 38 digits, here 16 of them after the point; a sum beyond is null.
            turnover = sum(
                (decimal(price) * quantity).quantize(Decimal("1e-16"), ROUND_HALF_UP)
                for price, quantity in zip(prices, quantities, strict=True)
            )
            volume = float(sum(quantities))
            rows.append(
                {
                    "source": source,
                    "symbol": symbol,
                    "pair": pair,
                    "resolution": resolution,
                    "window_start": start,
                    "window_end": start + size,
                    "open": prices[0],
                    "high": max(prices),
                    "low": min(prices),
                    "close": prices[-1],
                    "vwap": float(turnover) / volume if volume and turnover < 10**22 else None,
                    "volume": volume,
                    "buy_volume": float(
                        sum(q for q, trade in zip(quantities, mine, strict=True) if trade["side"] == "buy")
                    ),
                    "trade_count": len(mine),
                }
            )
    return rows


Measure = tuple[int, int, float | None, float | None]  # its bar, event time (ms), price, size


def events(series: Iterable[Measure], threshold: float, *, beyond: bool = False, longest: int = 600_000) -> list[Row]:
    """Return the events of a series: a walk over it with what is under way in one variable.

    A size counts from the threshold on, or ``beyond`` it. Of an event that has not ended there is its beginning.
    """
    found = []
    under_way: Row | None = None
    previous = 0
    for at, event_time, price, size in series:
        reached = size is not None and (abs(size) > threshold if beyond else abs(size) >= threshold)
        direction = 0 if size is None or not reached else 1 if size > 0 else -1
        if under_way:
            if direction == under_way["direction"] and at < under_way["at"] + longest:
                under_way["sizes"].append(size)
                under_way["prices"].append(price)
            else:
                found.append({**under_way, "ended_at": event_time})
                under_way = None
        if under_way is None and direction and previous != direction:
            under_way = {"at": at, "event_time": event_time, "direction": direction, "sizes": [size], "prices": [price]}
        previous = direction
    if under_way:
        beginning = {name: under_way[name][:1] for name in ("sizes", "prices")}
        found.append({**under_way, **beginning, "ended_at": None})
    for event in found:
        event["peak"] = max(event.pop("sizes"), key=abs)
        prices = event.pop("prices")
        event["price"] = None if prices[0] is None else max(prices) if event["direction"] > 0 else min(prices)
    return found


def alerts(sound: Mapping[str, list[Row]]) -> list[Row]:
    """Return the alerts of all types but stale feeds, of the sound messages by topic."""
    return [
        *spikes(sound["trades"]),
        *steps(sound["trades"]),
        *price_changes(sound["tickers"]),
        *daily_moves(sound["prices"]),
        *divergences(sound["trades"], sound["prices"]),
        *sentiment_shifts(sound["articles"]),
        *index_shifts(sound["market_sentiment"]),
    ]


def newest(messages: Iterable[Row]) -> list[Row]:
    """Return what the messages of the alerts topic say of each alert in the end; fails where one was sent twice."""
    sent = keyed([{**one, "over": one["ended_at"] is not None} for one in messages], "alert_id", "over")
    return [{"alert_id": key, **row} for (key, over), row in sent.items() if over or (key, True) not in sent]


def check_alerts(messages: list[Row], wanted: list[Row]) -> None:
    """Assert that the alerts are those of the oracle, each sent once as it began, and once as it ended if it has."""
    begun, ended = ([one for one in messages if (one["ended_at"] is None) == still] for still in (True, False))
    first = keyed(begun, "alert_id")
    for key, row in keyed(ended, "alert_id").items():
        for name in ("alert_type", "symbol", "pair", "threshold", "event_time"):
            assert first[key][name] == row[name]
        sizes = [one["change_pct"] or 0 for one in (first[key], row)]
        assert abs(sizes[0]) <= abs(sizes[1])
    by_id = keyed(newest(messages), "alert_id")
    names = {alert["alert_id"]: (alert["alert_type"], alert["symbol"], alert["event_time"]) for alert in wanted}
    assert {key: (row["alert_type"], row["symbol"], row["event_time"]) for (key,), row in by_id.items()} == names
    for alert in wanted:
        row = by_id[(alert["alert_id"],)]
        for name, value in alert.items():
            if name != "alert_id":
                assert row[name] == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value), alert


def price_changes(tickers: Iterable[Row], threshold: float = 0.5, bar: int = BAR) -> list[Row]:
    """Return the alerts on tickers that are too far from the one in the bar before."""
    bars: dict[Key, dict[int, Key]] = defaultdict(dict)
    for ticker in tickers:
        series = bars[ticker["source"], ticker["symbol"], ticker["pair"]]
        start = ticker["event_time"] // bar
        found = (ticker["event_time"], _written(ticker["last"]), ticker["last"])
        series[start] = max(series.get(start, found), found)
    alerts = []
    for (source, symbol, pair), series in bars.items():
        rows = [(start * bar, *series[start]) for start in sorted(series)]
        measures = [
            (start, at, last, min(100 * (last / before - 1), 1e9))
            for (_, _, _, before), (start, at, _, last) in pairwise(rows)
        ]
        alerts += [
            _alert("price_change", source, symbol, pair, pair, event, event["peak"], threshold)
            for event in events(measures, threshold, beyond=True)
        ]
    return alerts


def _written(price: float) -> str:
    """Return ``price`` as Java writes it, for prices from 0.001 to 10,000,000."""
    return repr(price)


def spikes(
    trades: Iterable[Row],
    threshold: float = 1.0,
    lookback: int = 60_000,
    longest: int = 600_000,
    bar: int = BAR,
) -> list[Row]:
    """Return the alerts on moves against the last ``lookback``."""
    alerts = []
    for (source, symbol, pair), series in _bars(trades, bar).items():
        measures = [(start, start, price, size) for start, price, size in _moves(series, lookback)]
        alerts += [
            _alert("spike", source, symbol, pair, pair, event, event["peak"], threshold)
            for event in events(measures, threshold, longest=longest)
        ]
    return alerts


def steps(trades: Iterable[Row], slow_pct: float = 1.5, sigma: float = 2.0, ratio: float = 5.0) -> list[Row]:
    """Return the alerts on slow moves, unusual returns and unusual volumes, minute by minute."""
    trades = list(trades)
    volumes: dict[Key, Decimal] = defaultdict(Decimal)
    for trade in trades:
        minute = trade["source"], trade["symbol"], trade["pair"], trade["event_time"] // MINUTE * MINUTE
        volumes[minute] += decimal(trade["quantity"])
    spiking = {
        (*key, start // MINUTE * MINUTE)
        for key, bars in _bars(trades, BAR).items()
        for start, _, size in _moves(bars, 60_000)
        if abs(size) >= 1.0
    }
    alerts = []
    for key, series in _bars(trades, MINUTE).items():
        source, symbol, pair = key
        slow: list[Measure] = []
        returns: dict[int, Decimal] = {}
        closes = {start: price for start, _, _, price in series}
        measures: dict[str, list[Measure]] = {"slow_spike": slow, "zscore": [], "volume_surge": []}
        for start, price, size in _moves(series, 300_000):
            seen = any((*key, other) in spiking for other in range(start - 300_000, start + 1, MINUTE))
            slow.append((start, start, price, None if seen else size))
            if start - MINUTE in closes:
                returns[start] = decimal(min(price / closes[start - MINUTE] - 1, 10))
            past = [other for other in closes if start - 1_800_000 <= other < start]
            others = [returns[other] for other in past if other in returns]
            z = None
            if start in returns and len(others) >= 10 and (deviation := statistics.stdev(others)):
                z = float((returns[start] - statistics.mean(others)) / deviation)
            measures["zscore"].append((start, start, price, z))
            usual = float(sum(volumes[source, symbol, pair, other] for other in past))
            times = (
                float(volumes[source, symbol, pair, start]) * len(past) / usual if len(past) >= 10 and usual else None
            )
            measures["volume_surge"].append((start, start, price, times))
        for kind, threshold in (("slow_spike", slow_pct), ("zscore", sigma), ("volume_surge", ratio)):
            for event in events(measures[kind], threshold):
                change = {"slow_spike": event["peak"], "zscore": None, "volume_surge": 100 * (event["peak"] - 1)}[kind]
                alerts.append(_alert(kind, source, symbol, pair, pair, event, change, threshold))
    return alerts


def daily_moves(prices: Iterable[Row], threshold: float = 5.0, hold: int = 3_600_000) -> list[Row]:
    """Return the alerts on what aggregators give as the change in 24 h, the largest of the last hour."""
    series: dict[Key, dict[int, Row]] = defaultdict(dict)
    for price in sorted(prices, key=lambda price: price["event_time"]):
        if price["change_24h"] is not None:
            key = price["source"], price["symbol"], price["crypto_id"]
            series[key][price["event_time"] // MINUTE * MINUTE] = price
    alerts = []
    for (source, symbol, crypto_id), mine in series.items():
        measures = []
        for start, price in mine.items():
            held = [other["change_24h"] for at, other in mine.items() if start - hold <= at <= start]
            size = max(held) if max(held) >= -min(held) else min(held)
            measures.append((start, start, price["price_usd"], size))
        for event in events(measures, threshold):
            item = f"{symbol}|{crypto_id}"
            alerts.append(_alert("daily_move", source, symbol, None, item, event, event["peak"], threshold))
    return alerts


def divergences(
    trades: Iterable[Row], prices: Iterable[Row], threshold: float = 1.0, window: int = 180_000
) -> list[Row]:
    """Return the alerts on coins that one source sees above ``threshold`` percent higher than another, all the time."""
    seen: dict[str, list[tuple[int, str, float]]] = defaultdict(list)
    for trade in trades:
        if trade["pair"].split("/")[1] in ("USD", "USDT", "USDC"):
            seen[trade["symbol"]].append((trade["event_time"], trade["source"], trade["price"]))
    for said in prices:
        seen[said["symbol"]].append((said["event_time"], said["source"], said["price_usd"]))
    alerts = []
    for symbol, mine in seen.items():
        minutes: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for at, source, price in mine:
            for start in windows(at, window, MINUTE):
                minutes[start][source].append(price)
        measures = []
        for start, sources in sorted(minutes.items()):
            low, high = max(map(min, sources.values())), min(map(max, sources.values()))
            measures.append((start, start, low, max(0.0, min(100 * (low / high - 1), 1e9))))
        alerts += [
            _alert("divergence", "", symbol, None, symbol, event, event["peak"], threshold)
            for event in events(measures, threshold)
        ]
    return alerts


def sentiment_shifts(
    articles: Iterable[Row], threshold: float = 0.25, recent: int = 600_000, history: int = 7_200_000, least: int = 5
) -> list[Row]:
    """Return the alerts on coins about which the recent articles are of another mood than those before."""
    scores: dict[str, dict[str, tuple[int, Decimal]]] = defaultdict(dict)
    for article in articles:
        for symbol in article["cryptocurrencies_mentioned"]:
            scores[symbol][article["id"]] = (article["event_time"], decimal(article["sentiment"]["score"]))
    alerts = []
    for symbol, mine in scores.items():
        measures = []
        for start in sorted({start for at, _ in mine.values() for start in windows(at, history, MINUTE)}):
            begin = start + history - recent
            late = [score for at, score in mine.values() if begin <= at < start + history]
            early = [score for at, score in mine.values() if start <= at < begin]
            shift = None
            if len(late) >= least and len(early) >= least:
                shift = float(sum(late)) / len(late) - float(sum(early)) / len(early)
            measures.append((start, begin, None, shift))
        alerts += [
            _alert("sentiment_shift", "news", symbol, None, symbol, event, None, threshold)
            for event in events(measures, threshold)
        ]
    return alerts


def index_shifts(moods: Iterable[Row], points: int = 20) -> list[Row]:
    """Return the alerts on days on which the Fear & Greed index is far from that of the day before."""
    days = {(mood["source"], mood["event_time"]): mood["value"] for mood in moods}
    alerts = []
    for (source, at), value in days.items():
        before = days.get((source, at - 86_400_000))
        if before is not None and abs(value - before) >= points:
            event = {"event_time": at, "ended_at": None, "price": None, "peak": value - before}
            alerts.append(_alert("sentiment_shift", source, "", None, "", event, None, points))
    return alerts


def _bars(trades: Iterable[Row], size: int) -> dict[Key, list[tuple[int, float, float, float]]]:
    """Return start, low, high and last price of each bar by source, symbol and pair."""
    found: dict[Key, list[tuple[int, float, float, float]]] = defaultdict(list)
    for (source, symbol, pair, start), mine in sorted(windowed(trades, size, size).items()):
        prices = [trade["price"] for trade in mine]
        found[source, symbol, pair].append((start, min(prices), max(prices), prices[-1]))
    return found


def known_macro(observations: Iterable[Row], at: int, known_after: dict[str, int]) -> dict[str, float]:
    """Return the values of the series that were known at ``at``, of a day's the last; ``known_after`` is in ms."""
    found: dict[str, tuple[int, float]] = {}
    for row in observations:
        delay = known_after.get(row["indicator"])
        if delay is None or row["event_time"] + delay > at:
            continue
        if row["event_time"] >= found.get(row["indicator"], (row["event_time"],))[0]:
            found[row["indicator"]] = (row["event_time"], row["value"])
    return {name: value for name, (_, value) in sorted(found.items())}


@dataclass(frozen=True)
class _Bar:
    start: int
    volume: Decimal
    price: float
    last: int  # event time of its last trade
    before: tuple[int, float] | None  # event time and price of the last trade before it

    @property
    def log_return(self) -> float | None:
        return None if self.before is None else math.log(self.price) - math.log(self.before[1])

    @property
    def pause(self) -> int:
        return 0 if self.before is None else self.last - self.before[0]


def _impact_bars(trades: list[Row], size: int) -> list[_Bar]:
    bars: list[_Bar] = []
    by_start: dict[int, list[Row]] = defaultdict(list)
    for trade in trades:
        by_start[trade["event_time"] // size * size].append(trade)
    for start, mine in sorted(by_start.items()):
        last = max(mine, key=order)
        before = (bars[-1].last, bars[-1].price) if bars else None
        with localcontext(_EXACT):
            volume = sum((decimal(trade["quantity"]) for trade in mine), Decimal(0))
        bars.append(_Bar(start, volume, last["price"], last["event_time"], before))
    return bars


def _minute_returns(bars: list[_Bar], max_pause: int) -> dict[int, tuple[float | None, Decimal]]:
    """Return log return and volume of each minute, by its beginning."""
    minutes: dict[int, list[_Bar]] = defaultdict(list)
    for bar in bars:
        minutes[bar.start // 60_000 * 60_000].append(bar)
    found: dict[int, tuple[float | None, Decimal]] = {}
    for start, mine in minutes.items():
        first, last = mine[0], mine[-1]
        sound = first.before is not None and max(bar.pause for bar in mine) <= max_pause
        moved = math.log(last.price) - math.log(first.before[1]) if first.before and sound else None
        found[start] = (moved, sum((bar.volume for bar in mine), Decimal(0)))
    return found


def news_impact(
    trades: Iterable[Row],
    articles: Iterable[Row],
    *,
    horizons: tuple[int, ...] = (60, 300, 900),
    size: int = 10_000,
    estimation: int = 60,
    min_returns: int = 20,
    max_pause: int = 60_000,
) -> list[Row]:
    """Return the rows of the table news_impact: ``horizons`` in s, ``estimation`` in minutes, the others in ms."""
    markets: dict[Key, list[Row]] = defaultdict(list)
    for trade in trades:
        markets[trade["symbol"], trade["source"], trade["pair"]].append(trade)
    rows = []
    news = [(symbol, article) for article in articles for symbol in article["cryptocurrencies_mentioned"]]
    for (symbol, source, pair), mine in markets.items():
        about = [article for mentioned, article in news if mentioned == symbol]
        if not about:
            continue
        bars = _impact_bars(mine, size)
        minutes = _minute_returns(bars, max_pause)
        for article in about:
            begin = article["event_time"] // size * size
            full = begin // 60_000 * 60_000
            usual = [minutes[m] for m in range(full - estimation * 60_000, full, 60_000) if m in minutes]
            for horizon in horizons:
                length = horizon * 1000
                before = [bar for bar in bars if begin - length <= bar.start < begin]
                after = [bar for bar in bars if begin <= bar.start < begin + length]
                if before or after or usual:
                    key = {
                        "article_id": article["id"],
                        "symbol": symbol,
                        "source": source,
                        "pair": pair,
                        "news_time": article["event_time"],
                        "horizon_seconds": horizon,
                    }
                    rows.append({**key, **_impact(begin, length, before, after, usual, min_returns, max_pause)})
    return rows


def _impact(
    begin: int,
    length: int,
    before: list[_Bar],
    after: list[_Bar],
    usual: list[tuple[float | None, Decimal]],
    min_returns: int,
    max_pause: int,
) -> Row:
    def price(at: int, last: tuple[int, float] | None) -> float | None:
        return last[1] if last and last[0] >= at - max_pause else None

    at_news = (before[-1].last, before[-1].price) if before else None
    price_before = price(begin, after[0].before if after else at_news)
    price_long_before = price(begin - length, before[0].before) if before else None
    returns = [moved for moved, _ in usual if moved is not None]
    minutes = length / 60_000
    abnormal = score = None
    if after and price_before and len(returns) >= min_returns:
        mean = sum(returns) / len(returns)
        abnormal = 100 * (math.log(after[-1].price) - math.log(price_before) - minutes * mean)
        spread = statistics.stdev(returns)
        score = abnormal / (100 * spread * math.sqrt(minutes)) if spread else None
    volumes = [float(sum((bar.volume for bar in bars), Decimal(0))) for bars in (before, after)]
    usual_volume = minutes * float(sum((volume for _, volume in usual), Decimal(0))) / len(usual) if usual else 0.0
    both = [*before, *after]
    pause = None
    if any(bar.before for bar in both):
        pause = max(*(bar.pause for bar in both), begin + length - both[-1].last) / 1000
    missing = None
    if not after:
        missing = "no trades after"
    elif not before:
        missing = "no trades before"
    elif pause is not None and pause > max_pause / 1000:
        missing = "gap"
    elif price_before is None or price_long_before is None:
        missing = "no price before"
    elif len(returns) < min_returns:
        missing = "no baseline"
    return {
        "price_before": price_before,
        "return_before_pct": 100 * (at_news[1] / price_long_before - 1) if at_news and price_long_before else None,
        "return_after_pct": 100 * (after[-1].price / price_before - 1) if after and price_before else None,
        "volume_before": volumes[0],
        "volume_after": volumes[1],
        "volume_ratio": volumes[1] / volumes[0] if volumes[0] else None,
        "abnormal_volume_ratio": volumes[1] / usual_volume if usual_volume else None,
        "volatility_before_pct": _volatility(before),
        "volatility_after_pct": _volatility(after),
        "abnormal_return_pct": abnormal,
        "abnormal_score": score,
        "bars_before": len(before),
        "bars_after": len(after),
        "baseline_returns": len(returns),
        "longest_pause_seconds": pause,
        "missing": missing,
    }


def _volatility(bars: list[_Bar]) -> float | None:
    squares = [bar.log_return**2 for bar in bars if bar.log_return is not None]
    return 100 * math.sqrt(sum(squares)) if squares else None


def _moves(series: list[tuple[int, float, float, float]], lookback: int) -> Iterator[tuple[int, float, float]]:
    """Yield start, price and the signed percent against the lowest or highest of the bars in ``lookback``."""
    for number, (start, _, _, price) in enumerate(series):
        recent = [
            other for other in series[max(0, number - lookback // BAR) : number + 1] if other[0] >= start - lookback
        ]
        up = min(100 * (price / min(lowest for _, lowest, _, _ in recent) - 1), 1e9)
        down = 100 * (price / max(highest for _, _, highest, _ in recent) - 1)
        yield start, price, up if up >= -down else down


def _alert(
    kind: str,
    source: str,
    symbol: str,
    pair: str | None,
    item: str,
    event: Row,
    change: float | None,
    threshold: float,
) -> Row:
    critical = 3.0 if kind == "zscore" else 2 * threshold
    return {
        "alert_id": md5(f"{kind}|{source}|{item}|{event['event_time']}".encode(), usedforsecurity=False).hexdigest(),
        "alert_type": "spike" if kind == "slow_spike" else kind,
        "symbol": symbol,
        "pair": pair,
        "price": event["price"],
        "change_pct": change,
        "threshold": threshold,
        "severity": "critical" if abs(event["peak"]) >= critical else "warning",
        "event_time": event["event_time"],
        "ended_at": event["ended_at"],
    }
