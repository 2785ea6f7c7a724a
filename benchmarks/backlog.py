"""A backlog of trades for benchmarks to work off: random walks of ten pairs, sent by librdkafka."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

import orjson
from confluent_kafka import Producer
from rich.progress import track

from producers.market import COINS
from tidemark.endpoints import kafka_bootstrap
from tidemark.settings import Settings

START = 1_735_689_600_000  # 2025-01-01, epoch ms
PER_SECOND = 10  # trades of a pair


def span(count: int) -> int:
    """Return over how many milliseconds ``count`` trades are spread."""
    return count * 1000 // (PER_SECOND * len(COINS))


def producer(settings: Settings) -> Producer:
    """Return a producer of librdkafka, which is five times as fast as the one that Tidemark's sources use."""
    return Producer(
        {
            "bootstrap.servers": kafka_bootstrap(settings),
            "compression.type": "lz4",
            "linger.ms": 50,
            "queue.buffering.max.messages": 1_000_000,
        }
    )


def send_trades(settings: Settings, count: int, minute_sigma: float) -> None:
    """Send ``count`` trades; ``minute_sigma`` is the standard deviation of a pair's log return over a minute."""
    sender = producer(settings)
    for number, (pair, trade) in enumerate(track(_trades(count, minute_sigma), "Sending", total=count)):
        sender.produce(settings.topics.trades, trade, pair)
        if number % 10_000 == 0:
            sender.poll(0)
    if left := sender.flush(120):
        raise SystemExit(f"{left} trades were not delivered")


def _trades(count: int, minute_sigma: float) -> Iterator[tuple[str, bytes]]:
    chance = Random(7)
    sigma = minute_sigma / math.sqrt(60 * PER_SECOND)
    prices = {coin.pair: coin.price for coin in COINS}
    for number in range(count):
        coin = COINS[number % len(COINS)]
        turn = number // len(COINS)
        at = START + turn * 1000 // PER_SECOND
        prices[coin.pair] *= math.exp(chance.gauss(0, sigma))
        trade = {
            "source": "binance",
            "symbol": coin.symbol,
            "pair": coin.pair,
            "trade_id": str(turn + 1),
            "price": round(prices[coin.pair], 8),
            "quantity": round(chance.random() + 0.001, 6),
            "side": "buy" if chance.random() < 0.5 else "sell",
            "event_time": at,
            "ingest_time": at + 40,
        }
        yield coin.pair, orjson.dumps(trade)
