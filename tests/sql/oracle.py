"""The jobs' results computed another way: plain Python with exact decimals, from the sound messages alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
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
