"""How many messages a second one producer process sends, by kafka-python and by librdkafka, on the running local stack.

`python -m benchmarks.producers`. Real Binance trades go through parser, contract, encoding and a client to the broker.
Both clients do the same (zstd, acknowledged by all replicas, idempotent), in turns, so that a busy machine is busy for
both. Then the rates are held against what all sources together send at a generous peak.
"""

from __future__ import annotations

import csv
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from producers import contract
from producers.message import Message
from producers.sink import KafkaSink, MemorySink
from producers.sources import binance
from stack import local, topics
from tidemark.endpoints import kafka_bootstrap
from tidemark.errors import UserError
from tidemark.paths import ROOT
from tidemark.settings import Settings, Topics, load

_CAPTURE = Path("trades", "binance_btcusdt_2021-01-08.csv")
_MESSAGES = 50_000
_ROUNDS = 5
_WANTED = 10  # times the peak


class LibrdkafkaSink(MemorySink):
    """The work of KafkaSink by confluent-kafka: the same contract, encoding and guarantees."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._producer = Producer(
            {
                "bootstrap.servers": kafka_bootstrap(settings),
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "zstd",
                "linger.ms": 20,
                "batch.size": 256 * 1024,
                "delivery.timeout.ms": round(settings.producers.send_timeout.total_seconds() * 1000),
            }
        )

    def _put(self, topic: str, key: str | None, payload: bytes, *_: Any) -> None:
        # Its queue holds 100,000 messages, more than are sent here.
        self._producer.produce(self._topics[topic], payload, key, on_delivery=self._delivered)
        self._producer.poll(0)

    def _delivered(self, error: Any, _: Any) -> None:
        if error is not None:
            self.counts.failed += 1

    def close(self) -> None:
        """Wait until all is acknowledged. Raises RuntimeError for what was not."""
        if left := self._producer.flush(60) + self.counts.failed:
            raise RuntimeError(f"{left} messages were not delivered")


@dataclass
class Rates:
    """What one way of working gave in each round: messages a second, and µs of CPU a message in this process."""

    a_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the median of the messages a second."""
        return statistics.median(self.a_second)


def main() -> None:
    """Measure, and print rates, ratio and headroom."""
    trades = _capture()
    frames = _frames(trades)
    now = int(time.time() * 1000)
    parsed = [message for frame in frames for message in binance.parse(frame, now)]
    local.up(load())
    names = {key: f"bench-{time.time_ns()}.{topic}" for key, topic in Topics().model_dump().items()}
    settings = load(topics=names)
    topics.create(settings)
    rates = {name: Rates() for name in ("parse", "contract and encoding", "kafka-python", "librdkafka")}
    try:
        for _ in range(_ROUNDS):
            _measure(rates["parse"], lambda: [binance.parse(frame, now) for frame in frames])
            _measure(rates["contract and encoding"], lambda: _check(parsed))
            _measure(rates["kafka-python"], lambda: _send(KafkaSink(settings), parsed))
            _measure(rates["librdkafka"], lambda: _send(LibrdkafkaSink(settings), parsed))
        arrived = topics.count(settings)[settings.topics.trades]
    finally:
        topics.delete(settings)
    if arrived != 2 * _ROUNDS * _MESSAGES:
        raise RuntimeError(f"{arrived:,} messages on the topic, {2 * _ROUNDS * _MESSAGES:,} sent")
    _print(rates, _peak(trades, settings))


def _capture() -> list[dict[str, str]]:
    folder = Path(os.environ.get("CAPTURES_DIR", ROOT.parent / "shared" / "data"))
    try:
        with (folder / _CAPTURE).open(encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        raise UserError(f"There is no {_CAPTURE} in {folder}.", "CAPTURES_DIR names another folder.") from None


def _frames(trades: list[dict[str, str]]) -> list[str]:
    """Return the capture, over and over with new ids, as Binance's combined stream sends it."""
    return [
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{trade["timestamp"]},"s":"BTCUSDT","t":{number},'
        f'"p":"{trade["price"]}","q":"{trade["quantity"]}","T":{trade["timestamp"]},'
        f'"m":{trade["buyer_maker"].lower()},"M":true}}}}'
        for number, trade in enumerate(islice(cycle(trades), _MESSAGES), int(trades[0]["trade_id"]))
    ]


def _check(messages: list[Message]) -> None:
    for message in messages:
        contract.check(message.topic, message.value)
        contract.encode(message.value)


def _send(sink: KafkaSink | LibrdkafkaSink, messages: list[Message]) -> None:
    for message in messages:
        sink.send(message)
    sink.close()


def _measure(rates: Rates, work: Callable[[], object]) -> None:
    cpu, began = time.process_time(), time.perf_counter()
    work()
    rates.a_second.append(_MESSAGES / (time.perf_counter() - began))
    rates.cpu_us.append((time.process_time() - cpu) / _MESSAGES * 1e6)


def _peak(trades: list[dict[str, str]], settings: Settings) -> dict[str, float]:
    """Return the messages a second that each kind of source sends at a generous peak.

    Binance: the busiest second of the capture, from the days on which Bitcoin first stood at 40,000 dollars, for every
    pair at once, though the others trade less. Kraken: a fifth of that, though it is nearer to a twenty-fourth
    (https://dfinity.github.io/oisy-trade/development/trading-data.html), and a ticker for each trade. All polls in the
    same second, with ten new articles of each feed and of NewsAPI and an observation of each series.
    """
    times = [int(trade["timestamp"]) for trade in trades]
    busiest = max(sum(1 for other in times[i : i + 1000] if other < begin + 1000) for i, begin in enumerate(times))
    polls = len(settings.coingecko.coins) + settings.coinmarketcap.top + 10 * len(settings.rss.feeds) + 10
    return {
        f"Binance, {len(settings.binance.pairs)} pairs": busiest * len(settings.binance.pairs),
        f"Kraken, {len(settings.kraken.pairs)} pairs, with tickers": 2 * busiest * len(settings.kraken.pairs) / 5,
        "prices, news, Fear & Greed, series": polls + len(settings.fred.series) + 1,
    }


def _print(rates: dict[str, Rates], peak: dict[str, float]) -> None:
    console = Console()
    measured = Table("one process, one trade after the other", "messages/s", "min", "max", "CPU µs a message")
    for name, found in rates.items():
        numbers = (found.median, min(found.a_second), max(found.a_second), statistics.median(found.cpu_us))
        measured.add_row(name, *(f"{number:,.0f}" for number in numbers[:3]), f"{numbers[3]:.1f}")
    console.print(measured)
    ratio = rates["librdkafka"].median / rates["kafka-python"].median
    console.print(f"librdkafka sends {ratio:.1f} times as many as kafka-python")
    estimate = Table("at a generous peak", "messages/s")
    for name, rate in peak.items():
        estimate.add_row(name, f"{rate:,.0f}")
    total = sum(peak.values())
    estimate.add_row("together", f"{total:,.0f}")
    console.print(estimate)
    for name in ("kafka-python", "librdkafka"):
        # One process parses and sends.
        both = 1 / (1 / rates[name].median + 1 / rates["parse"].median)
        verdict = "enough" if both >= _WANTED * total else "too little"
        console.print(f"{name}, parsing included: {both:,.0f}/s, {both / total:.1f} times the peak: {verdict}")


if __name__ == "__main__":
    main()
