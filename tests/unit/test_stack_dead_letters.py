from __future__ import annotations

from datetime import datetime, timezone
from io import StringIO

import pytest
from kafka.errors import KafkaConnectionError
from rich.console import Console

from stack import dead_letters
from stack.dead_letters import _broker, _place, _since, _table, _text, _when
from tidemark.errors import UserError
from tidemark.settings import load

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
NOON = 1_769_860_800_000


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("1h", NOON - 3_600_000),
        ("500ms", NOON - 500),
        ("2026-01-31", NOON - 12 * 3_600_000),
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31T12:00:00+01:00", NOON - 3_600_000),
    ],
)
def test_since_is_a_duration_or_a_time(text: str, millis: int) -> None:
    assert _since(text, NOW) == millis


@pytest.mark.parametrize("text", ["", "yesterday", "1", "-1h", "99999999999999d"])
def test_any_other_since_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="--since"):
        _since(text, NOW)


def test_ids_are_partition_and_offset() -> None:
    assert _place("2:1045") == (2, 1045)
    for text in ("", "2", "2:", "-1:5", "2:1:3", "٢:١", f"1:{9**40}"):
        with pytest.raises(UserError, match="is not an id"):
            _place(text)


def test_times_are_shown_in_utc_and_absurd_ones_as_they_are() -> None:
    assert _when(NOON + 250) == "2026-01-31 12:00:00.250Z"
    assert _when(9**30) == str(9**30)


def test_a_line_is_cut_to_the_terminal_and_says_nothing_to_it() -> None:
    table = _table("id", "code", "detail")
    table.add_row("0:1", _text("out_of_range"), _text("price [red]x[/] \x1b[31m\n" + "and so on " * 20))
    out = StringIO()
    Console(file=out, width=60, force_terminal=False).print(table)
    (_, line) = out.getvalue().splitlines()
    assert line.startswith("0:1  out_of_range  price [red]x[/] \\x1b[31m\\nand so")
    assert line.rstrip().endswith("…")
    assert len(line) <= 60


def test_without_a_broker_one_sentence() -> None:
    config = load(kafka={"bootstrap": "127.0.0.1:1"})
    with pytest.raises(UserError, match=r"Kafka does not answer at 127\.0\.0\.1:1\."), _broker(config):
        raise KafkaConnectionError


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay"], "Say which"),
        (["replay", "0:1", "--topic", "trades"], "Say which"),
        (["replay", "--error", "typo"], "'typo' is not a code of dead letters."),
        (["show", "first"], "'first' is not an id"),
    ],
)
def test_what_is_asked_wrongly_is_said_before_kafka_is_asked(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        dead_letters.app(words, standalone_mode=False)
