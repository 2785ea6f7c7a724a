"""A made-up market of ten coins, the same for the same seed: trades, tickers, and news that moves prices.

Left alone a market stays calm: within any 60 seconds without a jump the prices of a pair span less than 0.8 %. Only
a jump, announced by an article on that coin 2 to 20 s before, goes beyond 1 %; a decoy is announced likewise, but
is smaller than 0.5 %. On the way to Kafka the messages then suffer what messages suffer: some are repeated, their
order is mixed up by up to 3 s, some trades are held back for 30 to 90 s, and malformed ones come in between.

All times are epoch milliseconds UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from producers.market import trading
from producers.market.config import COINS, DAY, MINUTE, SOURCE, Coin, MarketConfig
from producers.market.faults import FAULTS, Arrival, deliver
from producers.market.plan import Jump, plan_articles, plan_jumps
from producers.message import Message

__all__ = ["COINS", "DAY", "FAULTS", "MINUTE", "SOURCE", "Arrival", "Coin", "Jump", "Market", "MarketConfig"]


class Market:
    """The market of one configuration: what news and jumps it has, and its messages."""

    def __init__(self, config: MarketConfig) -> None:
        self.config = config
        rng = config.random("plan")
        self.jumps = plan_jumps(config, rng)
        self.articles = plan_articles(config, self.jumps, rng)

    def messages(self) -> Iterator[Message]:
        """Yield the sound messages, each once, in order of event time; on the way the jumps' ``pct`` come true."""
        streams = [
            trading.pair(self.config, coin, [jump for jump in self.jumps if jump.symbol == coin.symbol])
            for coin in self.config.traded
        ]
        return merge(*streams, self.articles, key=_event_time)

    def arrivals(self) -> Iterator[Arrival]:
        """Yield everything that is put on the topics, in the order in which it arrives."""
        return deliver(self.config, self.messages(), self.articles)


def _event_time(message: Message) -> int:
    event_time: int = message.value["event_time"]
    return event_time
