from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flink_jobs import runner
from tidemark.errors import UserError


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-01-31", 0), ("2026-01-31T13:00", 13), ("2026-01-31T13:00:00Z", 13), ("2026-01-31T13:00:00+02:00", 11)],
)
def test_a_moment_without_a_zone_is_in_utc(text: str, hour: int) -> None:
    assert runner.moment(text) == datetime(2026, 1, 31, hour, tzinfo=timezone.utc)


def test_no_moment_is_an_open_end_and_another_text_is_refused() -> None:
    assert runner.moment(None) is None
    with pytest.raises(UserError, match="'yesterday' is no moment"):
        runner.moment("yesterday")


def test_a_range_goes_by_the_time_in_the_key_else_by_the_event_time_else_it_is_refused() -> None:
    types = {"pair": "STRING", "window_end": "TIMESTAMP(3) NOT NULL", "event_time": "TIMESTAMP(3)"}
    assert runner.range_column("made", types, ["pair", "window_end"]) == "window_end"
    assert runner.range_column("made", types, ["pair"]) == "event_time"
    with pytest.raises(UserError, match="The table made has neither a time in its key nor an event_time"):
        runner.range_column("made", {"pair": "STRING", "event_time": "BIGINT"}, ["pair"])
