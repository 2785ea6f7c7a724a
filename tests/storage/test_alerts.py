"""An alert is written as it begins and as it ends, in any order and more than once: the end stays."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from tests.storage.conftest import Database

# As Flink's JDBC sink writes a row of alert_data.
_UPSERT = """
    INSERT INTO alert_data (alert_id, alert_type, symbol, threshold, severity, detail, event_time, change_percent,
                            detected_at, ended_at)
    VALUES ('a', 'spike', 'BTC', 1, 'warning', '', '2026-01-01Z', %s, %s, %s)
    ON CONFLICT (alert_id) DO UPDATE SET change_percent = excluded.change_percent,
        detected_at = excluded.detected_at, ended_at = excluded.ended_at
"""
_BEGIN = (1.0, "2026-01-01 00:00:02Z", None)
_END = (2.5, "2026-01-01 00:01:02Z", "2026-01-01 00:01:00Z")
_AGAIN = (1.0, "2026-01-01 00:05:00Z", None)  # after a restart, or by reading history once more


@pytest.mark.parametrize("rows", [*permutations((_BEGIN, _END, _AGAIN))])
def test_the_end_of_an_alert_stays_and_so_does_when_it_was_first_found(
    tables: Callable[..., Database], rows: tuple[tuple[object, ...], ...]
) -> None:
    made = tables()
    for row in rows:
        made.run(_UPSERT, *row, role="writer")
    found = made.run("SELECT change_percent, detected_at::text, ended_at::text FROM alert_data", role="reader")
    assert found == [(2.5, "2026-01-01 00:00:02+00", "2026-01-01 00:01:00+00")]
