"""Predictions computed another way: a walk over the windows of each pair, in plain Python, from sound trades alone."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from tests.sql.oracle import Key, decimal, windowed
from tests.world import Row

MODELS = ("moving_average", "last_price", "exponential_average", "least_squares")


@dataclass(frozen=True)
class Setup:
    """Settings of predictions, in milliseconds; ``memory`` in windows."""

    size: int = 180_000
    slide: int = 30_000
    horizon: int = 30_000
    half_life: int = 60_000
    memory: int = 60
    bar: int = 1_000


@dataclass
class Window:
    """What is known of a pair at the end of a window, and what each model makes of it."""

    end: int
    mean: float
    last: float
    exponential: float
    stddev: float
    low: float
    high: float
    count: int
    past: Window | None = None
    least_squares: float = 0.0

    def expected(self, model: str) -> float:
        """Return the price that ``model`` predicts."""
        return dict(zip(MODELS, (self.mean, self.last, self.exponential, self.least_squares), strict=True))[model]

    def relative_error(self, model: str) -> float | None:
        """Return how far off ``model`` was for the end of this window, or None where it predicted nothing for it."""
        return None if self.past is None else min(self.past.expected(model) / self.last - 1, 100.0)


def predictions(trades: Iterable[Row], setup: Setup = Setup()) -> list[Row]:  # noqa: B008 - it is frozen
    """Return the rows of the table prediction_data, with ``spread`` for the two ends of the interval."""
    rows = []
    for (source, symbol, pair), series in _windows(trades, setup).items():
        for number, window in enumerate(series):
            recent = series[max(0, number - setup.memory) : number + 1]
            after = next((other for other in series[number:] if other.past is window), None)
            rows += [
                {
                    "source": source,
                    "crypto_symbol": symbol,
                    "pair": pair,
                    "model_name": model,
                    "window_start": window.end - setup.size,
                    "window_end": window.end,
                    "target_time": window.end + setup.horizon,
                    "predicted_price": window.expected(model),
                    "actual_price": after.last if after else None,
                    "spread": _spread(model, window, recent),
                    "price_stddev": window.stddev,
                    "min_price": window.low,
                    "max_price": window.high,
                    "trade_count": window.count,
                }
                for model in MODELS
            ]
    return rows


def _windows(trades: Iterable[Row], setup: Setup) -> dict[Key, list[Window]]:
    found: dict[Key, list[Window]] = defaultdict(list)
    for (source, symbol, pair, start), mine in sorted(windowed(trades, setup.size, setup.slide).items()):
        found[source, symbol, pair].append(_window(start + setup.size, mine, setup))
    steps = setup.horizon // setup.slide
    for series in found.values():
        for number, window in enumerate(series):
            before = series[number - steps] if number >= steps else None
            window.past = before if before and before.end == window.end - setup.horizon else None
            slope = _slope(series[max(0, number - setup.memory) : number + 1])
            window.least_squares = max(window.last + slope * (window.last - window.mean), 0.0)
    return found


def _window(end: int, trades: list[Row], setup: Setup) -> Window:
    prices = [trade["price"] for trade in trades]
    low, high = min(prices), max(prices)
    with localcontext() as context:
        context.prec = 60
        exact = [decimal(price) for price in prices]
        mean = float(sum(exact)) / len(exact)
        stddev = float(statistics.stdev(exact)) if len(exact) > 1 else 0.0
    weights = [0.5 ** ((end - trade["event_time"] // setup.bar * setup.bar) / setup.half_life) for trade in trades]
    exponential = math.fsum(price * weight for price, weight in zip(prices, weights, strict=True)) / math.fsum(weights)
    return Window(
        end=end,
        mean=min(max(mean, low), high),
        last=prices[-1],
        exponential=min(max(exponential, low), high),
        stddev=stddev,
        low=low,
        high=high,
        count=len(trades),
    )


def _slope(series: list[Window]) -> float:
    xy = xx = Decimal(0)
    with localcontext() as context:
        context.prec = 80
        for window in series:
            if window.past:
                x = decimal(min(max(1 - window.past.mean / window.past.last, -100.0), 100.0), 15)
                y = decimal(min(window.last / window.past.last - 1, 100.0), 15)
                xy += x * y
                xx += x * x
        return min(max(float(xy) / float(xx), -1.0), 1.0) if xx else 0.0


def _spread(model: str, window: Window, recent: list[Window]) -> float:
    errors = [error for other in recent if (error := other.relative_error(model)) is not None]
    if model == "moving_average" or not errors:
        return window.stddev
    return window.expected(model) * math.sqrt(math.fsum(error**2 for error in errors) / len(errors))
