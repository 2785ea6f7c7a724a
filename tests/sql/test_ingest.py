"""What was sound is stored, each message once and as it was; what was not is a dead letter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from flink_jobs import cluster, runner
from flink_jobs.account import conservation
from producers import contract
from tests.sql import oracle
from tests.sql.conftest import Run
from tests.sql.inputs import START, mood, observation
from tests.world import Row, World

pytestmark = pytest.mark.stack

TABLES = {
    "trades": ("trade_data", ("pair", "event_time", "source", "trade_id")),
    "tickers": ("ticker_data", ("pair", "event_time", "source")),
    "articles": ("article_data", ("id",)),
    "prices": ("price_data", ("symbol", "event_time", "source", "crypto_id")),
    "market_sentiment": ("market_sentiment_data", ("event_time", "source")),
    "macro": ("macro_data", ("indicator", "date")),
}
# What the job calls a fault of the simulator; those made by hand go by the code itself.
CODES = {
    **dict.fromkeys(("not_json", "truncated", "empty", "array", "number", "string", "null", "nan_token"), "not_json"),
    **dict.fromkeys(("text_for_number", "nan_text", "object_for_text", "missing_field"), "invalid_field"),
    **dict.fromkeys(("zero_price", "negative_price", "negative_quantity"), "out_of_range"),
    **dict.fromkeys(("time_1970", "time_future"), "time_out_of_range"),
}


def stored_form(topic: str, value: Row) -> Row:
    """Return the row that ``value`` becomes."""
    row: dict[str, Any] = dict(value)
    if topic == "articles":
        symbols = row.pop("cryptocurrencies_mentioned")
        mood = row.pop("sentiment")
        row |= {f"sentiment_{name}": found for name, found in mood.items()}
        row |= {"cryptocurrencies_mentioned": ",".join(symbols), "symbols": symbols}
    return row


@pytest.mark.parametrize("topic", TABLES)
def test_what_is_sound_is_stored_as_it_was(run: Run, topic: str) -> None:
    table, key = TABLES[topic]
    expected: dict[Any, Row] = {}
    for value in run.input.sound[topic]:  # of two tickers of a market at the same millisecond one remains
        row = stored_form(topic, value)
        expected.setdefault(tuple(row[name] for name in key), {})[repr(row)] = row
    for found in run.world.rows(table):
        candidates = expected.pop(tuple(found[name] for name in key))
        assert found in candidates.values()
    assert not expected


def test_what_is_not_is_a_dead_letter_with_place_reason_and_text(run: Run) -> None:
    letters = oracle.keyed(run.world.topic("dead_letters"), "original_topic", "partition", "offset")
    malformed = {
        (run.world.name(topic), partition, offset): put
        for (topic, partition, offset), put in run.placed.items()
        if put.fault
    }
    assert letters.keys() == malformed.keys()
    assert bool(letters) == any(put.fault for put in run.placed.values())
    for place, put in malformed.items():
        letter = letters[place]
        assert isinstance(put.value, bytes)
        assert letter["message"] == put.value.decode()
        assert letter["error"] == CODES.get(put.fault, put.fault), put
        contract.check(
            "dead_letters", dict(zip(("original_topic", "partition", "offset"), place, strict=True)) | letter
        )


def test_a_revised_value_replaces_the_one_before(case: Callable[..., World]) -> None:
    world = case()
    revised = [observation("GDP", "2024-01-01", value, "quarterly") for value in (3.4, 1.6, 1.4)]
    world.put("macro", [revised[0], observation("GDP", "2024-04-01", 3.0, "quarterly"), *revised[1:]])
    world.put("market_sentiment", [mood(START, 40, "Fear"), mood(START, 41, "Fear")])
    world.run("ingest")
    assert {row["date"]: row["value"] for row in world.rows("macro_data")} == {"2024-01-01": 1.4, "2024-04-01": 3.0}
    assert [row["value"] for row in world.rows("market_sentiment_data")] == [41]
    assert world.topic("dead_letters") == []


@pytest.mark.parametrize("topic", TABLES)
def test_produced_is_stored_and_dead_and_repeated(run: Run, topic: str) -> None:
    table, key = TABLES[topic]
    puts = run.input.puts[topic]
    fine = Counter(tuple(put.value[name] for name in key) for put in puts if isinstance(put.value, dict))
    repeated = sum(count - 1 for count in fine.values())
    dead = [letter for letter in run.world.topic("dead_letters") if letter["original_topic"] == run.world.name(topic)]
    assert len(puts) == len(run.world.rows(table)) + len(dead) + repeated


def test_the_account_of_every_topic_balances(runs: Callable[[str], Run]) -> None:
    run = runs("hostile")
    for account in conservation(run.world.settings):
        puts = run.input.puts[account.topic]
        _, key = TABLES[account.topic]
        fine = Counter(tuple(put.value[name] for name in key) for put in puts if isinstance(put.value, dict))
        assert account.produced == len(puts) > 0
        assert account.stored == len(fine)
        assert account.dead_lettered == sum(bool(put.fault) for put in puts) > 0
        assert account.duplicates == sum(fine.values()) - len(fine) > 0
        assert account.missing == 0


def test_heartbeats_can_be_read(case: Callable[..., World]) -> None:
    world = case()
    beat = {"source": "binance", "topic": "trades", "event_time": START + 1}
    world.put("heartbeats", [beat, {**beat, "event_time": 4_000_000_000_000}])
    sql = "SELECT source, topic, event_time, CAST(rowtime AS STRING) FROM trade_heartbeats"
    _, rows = runner.query(world.settings, sql, cluster.client_options(world.settings))
    assert sorted(rows, key=lambda row: row[2]) == [
        ("binance", "trades", START + 1, "2025-06-01 00:00:00.001"),
        ("binance", "trades", 4_000_000_000_000, None),  # an implausible time moves nothing
    ]
