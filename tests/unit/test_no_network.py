"""The real command with an exchange out of reach, another that is there, and no Kafka: what it would send is kept."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests

from producers.health import State, states
from stack import local
from tests.exchange.server import ExchangeServer
from tests.unit.test_runloop import until
from tidemark.paths import ROOT
from tidemark.settings import load

# `tidemark`, but for where messages go: on SIGTERM what was sent is printed.
COMMAND = """
import json
from producers import cli
from producers.sink import MemorySink
from stack.cli import main

class Printing(MemorySink):
    def close(self):
        print(json.dumps([message.value for message in self.messages]))

cli._kafka = Printing
main()
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def trades(*ids: int) -> list[str]:
    """Return a frame of Kraken per trade."""
    item = {"symbol": "BTC/USDT", "side": "buy", "price": 1.5, "qty": 2.0, "ord_type": "limit"}
    return [
        json.dumps(
            {
                "channel": "trade",
                "type": "update",
                "data": [{**item, "trade_id": number, "timestamp": "2026-01-02T03:04:05.000000Z"}],
            }
        )
        for number in ids
    ]


def test_without_a_network_one_source_is_tried_and_left_alone_and_the_other_goes_on(tmp_path: Path) -> None:
    closed, metrics_port = free_port(), free_port()
    config = load(data_dir=tmp_path)

    def state(name: str) -> State:
        return next((one for one in states(config) if one.source == name), State(name))

    def metrics() -> str:
        return requests.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=5).text

    with ExchangeServer(kraken=trades(1, 2, 3)) as server:
        given = {
            "DATA_DIR": str(tmp_path),
            "BINANCE__WS_URL": f"ws://127.0.0.1:{closed}",
            "BINANCE__REST_URL": f"http://127.0.0.1:{closed}",
            "KRAKEN__WS_URL": f"{server.ws_url}/v2",
            "PRODUCERS__METRICS_PORT": str(metrics_port),
            "PRODUCERS__RECONNECT_MAX": "100ms",
        }
        words = ["produce", "binance", "kraken", "--pairs", "BTC/USDT,ETH/USDT"]
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words],
            cwd=ROOT,
            env={**os.environ, **{f"TIDEMARK_{name}": value for name, value in given.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until(lambda: process.poll() is not None or state("binance").breaker == "OPEN")
            server.add("kraken", trades(4, 5))  # while binance is left alone
            until(lambda: process.poll() is not None or 'messages_total{source="kraken"} 5.0' in metrics())
            exported = metrics()
            away, well = state("binance"), state("kraken")
            findings = {one.name: one for one in local.health(config)}
            process.send_signal(signal.SIGTERM)
            sent, logged = process.communicate(timeout=20)
        finally:
            process.kill()

    assert process.returncode == 0, logged
    assert [int(value["trade_id"]) for value in json.loads(sent)] == [1, 2, 3, 4, 5]
    assert (away.state, away.breaker, away.failures, away.messages) == ("failing", "OPEN", 5, 0)
    assert (well.state, well.breaker, well.failures, well.error) == ("connected", "CLOSED", 0, "")
    assert 'tidemark_breaker_state{source="binance",tidemark_breaker_state="OPEN"} 1.0' in exported
    assert 'tidemark_breaker_state{source="kraken",tidemark_breaker_state="CLOSED"} 1.0' in exported
    assert 'tidemark_failures_total{source="binance"} 5.0' in exported
    assert "Left alone for a while after 5 failures" in findings["source binance"].advice
    assert findings["source kraken"].advice == ""

    events = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    tries = [event for event in events if event["event"] == "reconnecting"]
    assert [event["source"] for event in tries] == ["binance"] * 5
    refused = f"cannot connect to ws://127.0.0.1:{closed}/stream?streams=btcusdt@trade/ethusdt@trade"
    assert all(event["after"].startswith(refused) for event in tries)
    assert all("refused" in event["after"] for event in tries)
    assert tries[-1]["pause_s"] == 60.0
    assert [event["state"] for event in events if event["event"] == "breaker"] == ["OPEN"]
    assert "Traceback" not in logged
    assert state("binance").state == state("kraken").state == "stopped"
