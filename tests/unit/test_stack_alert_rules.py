"""Rules of alerts: what is refused before the database is asked, and that every type has its setting."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from stack import alert_rules
from stack.cli import app
from tidemark.errors import UserError
from tidemark.paths import FLINK_SQL
from tidemark.settings import load


@pytest.mark.parametrize(
    ("alert_type", "symbol", "since", "message"),
    [
        ("stale_feed", "*", None, "no rules for 'stale_feed'"),
        ("spike", "btc; DROP", None, "no symbol of a coin"),
        ("spike", "BTC", "yesterday", "'yesterday' is not a time"),
    ],
)
def test_what_is_no_rule_is_refused(alert_type: str, symbol: str, since: str | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        alert_rules.change(load(), alert_type, symbol, 1.0, since)


@pytest.mark.parametrize("threshold", ["0", "nan", "inf"])
def test_a_threshold_is_a_number_above_nothing(threshold: str) -> None:
    result = CliRunner().invoke(app, ["alerts", "rules", "set", "spike", threshold])
    assert "is no threshold" in str(result.exception)


def test_every_type_has_a_setting_and_is_measured_by_the_sql() -> None:
    alerts = load().alerts
    views = "".join(path.read_text(encoding="utf-8") for path in (FLINK_SQL / "views").glob("[56]*.sql"))
    for alert_type, (setting, _) in alert_rules.TYPES.items():
        assert getattr(alerts, setting) > 0
        assert f"'{alert_type}' AS kind" in views
