from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from serving.notify import rules
from tidemark.errors import UserError
from tidemark.settings import Notify, Rule, load


def alert(**other: Any) -> rules.Alert:
    known = {"alert_id": "0" * 32, "symbol": "BTC", "pair": "BTC/USDT", "alert_type": "spike", "price": 1.0,
             "change_pct": -1.5, "threshold": 1.0, "severity": "warning", "detail": "BTC fell",
             "event_time": 1_767_268_800_000, "detected_at": 1_767_268_800_000}  # fmt: skip
    return {**known, **other}


@pytest.mark.parametrize(
    ("rule", "other", "expected"),
    [
        ({}, {}, True),
        ({"types": ["spike", "zscore"]}, {}, True),
        ({"types": ["zscore"]}, {}, False),
        ({"coins": ["ETH"]}, {}, False),
        ({"coins": ["ETH", "BTC"]}, {}, True),
        ({"severity": "critical"}, {}, False),
        ({"severity": "warning"}, {}, True),
        ({"severity": "warning"}, {"severity": "critical"}, True),
        ({"severity": "critical"}, {"severity": "catastrophe"}, True),  # better told than kept
        ({"threshold": 1.5}, {}, True),
        ({"threshold": 1.51}, {}, False),
        ({"threshold": 1}, {"change_pct": None}, False),
        ({}, {"change_pct": None, "pair": None}, True),
    ],
)
def test_a_rule_is_about_what_it_names(rule: dict[str, Any], other: dict[str, Any], expected: bool) -> None:
    assert rules.matches(Rule(name="any", **rule), alert(**other)) is expected


@pytest.mark.parametrize(
    ("hours", "zone", "time", "quiet"),
    [
        (None, "UTC", "03:00", False),
        ("22:00-07:00", "UTC", "21:59", False),
        ("22:00-07:00", "UTC", "22:00", True),
        ("22:00-07:00", "UTC", "06:59", True),
        ("22:00-07:00", "UTC", "07:00", False),
        ("12:00-13:00", "UTC", "12:30", True),
        ("12:00-13:00", "UTC", "13:00", False),
        ("22:00-07:00", "Europe/Paris", "05:59", True),  # 07:59 there in summer, so only …
        ("22:00-07:00", "Europe/Paris", "20:30", True),
    ],
)
def test_quiet_hours_are_those_of_the_zone(hours: str | None, zone: str, time: str, quiet: bool) -> None:
    moment = datetime.fromisoformat(f"2026-01-15T{time}:00+00:00")
    if zone != "UTC" and time == "20:30":
        moment = moment.replace(month=7)  # 22:30 in Paris; in winter it would be 21:30
    assert rules.is_quiet(Notify(quiet_hours=hours, zone=zone), moment) is quiet


def test_one_alert_is_said_in_full_and_many_as_a_digest() -> None:
    one = rules.text([alert()], "Europe/Paris")
    assert one == rules.Text("Warning: spike BTC/USDT -1.50 %", "BTC fell\n2026-01-01 13:00:00 CET", "warning")
    several = [alert(detail=f"number {number}") for number in range(40)] + [alert(severity="critical")]
    many = rules.text(several, "UTC")
    assert many.title == "41 alerts, the worst critical"
    assert many.severity == "critical"
    lines = many.body.splitlines()
    assert lines[0] == "Warning: spike BTC/USDT -1.50 %: number 0"
    assert (len(lines), lines[-1]) == (31, "and 11 more")


def test_what_would_deceive_a_reader_is_left_out() -> None:
    said = rules.text([alert(detail="up\x1b[31m\r\n\x00 and \u202eaway" + "x" * 1000)], "UTC").body.splitlines()
    assert said[0].startswith("up [31m  and  away")
    assert len(said[0]) == 500
    assert len(said) == 2


def test_when_it_happened_is_told_in_the_zone() -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=timezone.utc).timestamp() * 1000
    assert rules.text([alert(event_time=moment)], "Asia/Tokyo").body.endswith("2026-07-01 21:00:00 JST")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rules": [{"name": "a", "channels": ["desk"]}]}, "names the channel desk"),
        ({"rules": [{"name": "a"}, {"name": "a"}]}, "two rules a"),
        ({"rules": [{"name": "a", "types": ["earthquake"]}]}, "rules.0.types"),
        ({"quiet_hours": "25:00-07:00"}, "quiet_hours"),
        ({"zone": "Europe/Atlantis"}, "time zone"),
        ({"rate": "many"}, "rate"),
    ],
)
def test_settings_that_make_no_sense_are_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load(notify=wrong)


def test_addresses_are_not_shown() -> None:
    settings = load(notify={"channels": {"desk": "slack://TOKENA/TOKENB/TOKENC"}})
    assert "TOKEN" not in f"{settings!r}{settings.notify}{settings.model_dump_json()}"
