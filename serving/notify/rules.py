"""Which alerts a rule is about, when it is quiet, and what a message says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timezone
from typing import Any, get_args
from zoneinfo import ZoneInfo

from tidemark.settings import Notify, Rule, Severity

Alert = dict[str, Any]  # as the contract has it

SEVERITIES: tuple[str, ...] = get_args(Severity)
_LISTED = 30  # alerts of a digest; of the others only how many they are
_LONGEST = 500  # characters of what an alert says
_ANGLES = str.maketrans("<>", "‹›")  # not every channel that Apprise knows escapes them
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def matches(rule: Rule, alert: Alert) -> bool:
    """Return whether ``rule`` is about ``alert``."""
    return (
        (not rule.types or alert["alert_type"] in rule.types)
        and (not rule.coins or alert["symbol"] in rule.coins)
        and _rank(alert["severity"]) >= _rank(rule.severity)
        and (not rule.threshold or abs(alert["change_pct"] or 0) >= rule.threshold)
    )


def channels(rule: Rule, notify: Notify) -> list[str]:
    """Return the channels of a rule: all, where it names none."""
    return rule.channels or list(notify.channels)


def is_quiet(notify: Notify, now: datetime) -> bool:
    """Return whether ``now`` lies in the quiet hours, which may go past midnight."""
    if notify.quiet_hours is None:
        return False
    begin, end = (time.fromisoformat(text) for text in notify.quiet_hours.split("-"))
    present = now.astimezone(ZoneInfo(notify.zone)).time()
    return begin <= present < end if begin <= end else present >= begin or present < end


@dataclass(frozen=True)
class Text:
    """What is sent: a title and a body, both plain text, and how severe the worst of it is."""

    title: str
    body: str
    severity: str


def text(alerts: Sequence[Alert], zone: str) -> Text:
    """Return the message about one alert, or the digest of several."""
    worst = max((alert["severity"] for alert in alerts), key=_rank)
    if len(alerts) == 1:
        (alert,) = alerts
        moment = datetime.fromtimestamp(alert["event_time"] / 1000, timezone.utc).astimezone(ZoneInfo(zone))
        return Text(_title(alert), f"{_plain(alert['detail'])}\n{moment:%Y-%m-%d %H:%M:%S %Z}", worst)
    lines = [f"{_title(alert)}: {_plain(alert['detail'])}" for alert in alerts[:_LISTED]]
    if len(alerts) > _LISTED:
        lines.append(f"and {len(alerts) - _LISTED:,} more")
    return Text(f"{len(alerts):,} alerts, the worst {worst}", "\n".join(lines), worst)


def _title(alert: Alert) -> str:
    change = "" if alert["change_pct"] is None else f" {alert['change_pct']:+.2f} %"
    kind = alert["alert_type"].replace("_", " ")
    return _plain(f"{alert['severity'].capitalize()}: {kind} {alert['pair'] or alert['symbol']}{change}")


def _plain(said: str) -> str:
    """Return it on one line, without what would make a reader see something else than is there, or be markup."""
    return _UNSHOWN.sub(" ", said).translate(_ANGLES)[:_LONGEST]


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
