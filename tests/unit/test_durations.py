from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemark.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("3m", timedelta(minutes=3)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("1.5 s", timedelta(milliseconds=1500)),
        (" 0s ", timedelta(0)),
        (timedelta(seconds=5), timedelta(seconds=5)),
    ],
)
def test_durations_are_a_number_and_a_unit(text: Any, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "5", 5, "s", "-5s", "5 minutes", "5S", "1h30m", "1e3s", "5s\n5s", None])
def test_anything_else_is_refused_with_examples(text: Any) -> None:
    with pytest.raises(ValueError, match="such as 500ms, 30s, 3m, 1h or 7d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("millis", "text"),
    [
        (0, "0ms"),
        (1, "1ms"),
        (1_500, "1500ms"),
        (90_000, "90s"),
        (180_000, "3m"),
        (3_600_000, "1h"),
        (86_400_000, "1d"),
    ],
)
def test_the_largest_whole_unit_is_written(millis: int, text: str) -> None:
    assert format_duration(timedelta(milliseconds=millis)) == text


@given(st.integers(0, 10**12))
def test_what_is_written_is_read_again(millis: int) -> None:
    value = timedelta(milliseconds=millis)
    assert parse_duration(format_duration(value)) == value
