"""The jobs' results computed another way: plain Python with exact decimals, from the sound messages alone."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from hashlib import md5
from typing import Any

from tests.world import Row

BAR = 1_000
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
        before = None
        for _, (at, _, last) in sorted(series.items()):
            if before is not None:
                change = min(100 * (last / before - 1), 1e9)
                if abs(change) > threshold:
                    alerts.append(_alert("price_change", source, symbol, pair, at, last, change, threshold))
            before = last
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
    """Return the alerts on moves: a walk over the bars of a pair with what is under way in one variable."""
    alerts = []
    for (source, symbol, pair), series in _bars(trades, bar).items():
        under_way: Row | None = None
        previous = 0
        for number, (start, _, _, price) in enumerate(series):
            recent = [other for other in series[: number + 1] if other[0] >= start - lookback]
            up = min(100 * (price / min(lowest for _, lowest, _, _ in recent) - 1), 1e9)
            down = 100 * (price / max(highest for _, _, highest, _ in recent) - 1)
            direction = 1 if up >= threshold and up >= -down else -1 if -down >= threshold else 0
            size = max(up, -down)
            if under_way:
                if direction == under_way["direction"] and start < under_way["start"] + longest:
                    under_way["size"] = max(under_way["size"], size)
                    under_way["prices"].append(price)
                else:
                    alerts.append(_spike(source, symbol, pair, under_way, threshold))
                    under_way = None
            if under_way is None and direction and previous != direction:
                under_way = {"direction": direction, "start": start, "size": size, "prices": [price]}
            previous = direction
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


def _spike(source: str, symbol: str, pair: str, move: Row, threshold: float) -> Row:
    peak = max(move["prices"]) if move["direction"] > 0 else min(move["prices"])
    change = move["direction"] * move["size"]
    return _alert("spike", source, symbol, pair, move["start"], peak, change, threshold)


def _alert(
    kind: str, source: str, symbol: str, pair: str, at: int, price: float, change: float, threshold: float
) -> Row:
    return {
        "alert_id": md5(f"{kind}|{source}|{pair}|{at}".encode(), usedforsecurity=False).hexdigest(),
        "alert_type": kind,
        "symbol": symbol,
        "pair": pair,
        "price": price,
        "change_pct": change,
        "threshold": threshold,
        "severity": "critical" if abs(change) >= 2 * threshold else "warning",
        "event_time": at,
    }
