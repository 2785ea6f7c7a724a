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
