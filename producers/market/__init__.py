"""A made-up market of ten coins, the same for the same seed: trades, tickers, news that moves prices, polls.

Left alone a market stays calm: within any 60 seconds without a jump the prices of a pair span less than 0.8 %. Only
a jump, announced by an article on that coin 2 to 20 s before, goes beyond 1 %; a decoy is announced likewise, but
is smaller than 0.5 %. On the way to Kafka the messages then suffer what messages suffer: some are repeated, their
order is mixed up by up to 3 s, some trades are held back for 30 to 90 s, and malformed ones come in between. In an
outage, if there is to be one, a pair's trades stop for 1 to 3 minutes; only the last of them are fetched afterwards.

In a surge, if there is to be one, a pair trades 8 to 12 times its usual volume for 2 to 4 minutes; in a shift the news
about a coin are of one mood for 4 to 6 minutes. Neither moves a price.

Two aggregators say what the coins are worth, within 0.1 %; in a divergence one of them is off by 2 to 4 %.

All times are epoch milliseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from producers.market import polled, trading
from producers.market.config import COINS, DAY, MINUTE, SOURCE, Coin, MarketConfig
from producers.market.faults import FAULTS, Arrival, deliver
from producers.market.plan import (
    Divergence,
    Jump,
    Outage,
    Shift,
    Surge,
    plan_articles,
    plan_divergences,
    plan_jumps,
    plan_outages,
    plan_shifts,
    plan_surges,
)
from producers.message import Message

__all__ = [
    "COINS",
    "DAY",
    "FAULTS",
    "MINUTE",
    "SOURCE",
    "Arrival",
    "Coin",
    "Divergence",
    "Jump",
    "Market",
    "MarketConfig",
    "Outage",
    "Shift",
    "Surge",
]


class Market:
    """The market of one configuration: what happens in it, and its messages.

    Jumps and outages get their numbers as the messages are read, so one market is good for reading them once.
    """

    def __init__(self, config: MarketConfig) -> None:
        self.config = config
        rng = config.random("plan")
        self.jumps = plan_jumps(config, rng)
        self.shifts = plan_shifts(config, self.jumps, config.random("shifts"))
        self.articles = plan_articles(config, self.jumps, self.shifts, rng)
        self.outages = plan_outages(config, self.jumps, config.random("outages"))
        self.surges = plan_surges(config, [*self.jumps, *self.outages], config.random("surges"))
        self.divergences = plan_divergences(config, self.jumps, list(polled.AGGREGATORS), config.random("divergences"))
        self._few = {
            "articles": self.articles,
            "market_sentiment": polled.market_sentiment(config),
            "macro": polled.macro(config),
        }

    def messages(self) -> Iterator[Message]:
        """Yield what happens, each message once and sound, in order of event time; on the way the jumps' ``pct`` come
        true.
        """
        streams = [self._coin(coin) for coin in self.config.traded]
        return merge(*streams, *self._few.values(), key=_event_time)

    def arrivals(self) -> Iterator[Arrival]:
        """Yield everything that is put on the topics, in the order in which it arrives."""
        return deliver(self.config, self.messages(), self._few, self.outages)

    def _coin(self, coin: Coin) -> Iterator[Message]:
        jumps = [jump for jump in self.jumps if jump.symbol == coin.symbol]
        divergences = [divergence for divergence in self.divergences if divergence.symbol == coin.symbol]
        surges = [surge for surge in self.surges if surge.symbol == coin.symbol]
        return polled.with_prices(self.config, coin, trading.pair(self.config, coin, jumps, surges), divergences)


def _event_time(message: Message) -> int:
    event_time: int = message.value["event_time"]
    return event_time
