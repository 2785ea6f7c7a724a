"""`tidemark alerts rules`: the thresholds of alerts, by type and coin, which the job takes over while it runs."""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime, timezone
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from tidemark.errors import UserError
from tidemark.settings import Settings, settings

app = typer.Typer(help="Alerts, and what is worth one.", no_args_is_help=True)
rules = typer.Typer(help="Thresholds of alerts by type and coin, without a restart.", no_args_is_help=True)
app.add_typer(rules, name="rules")
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)

EVERY = "*"  # stands for all coins without a rule of their own
# The setting that holds where there is no rule, and its unit.
TYPES = {
    "price_change": ("price_change_pct", "%"),
    "daily_move": ("daily_move_pct", "%"),
    "spike": ("spike_pct", "%"),
    "slow_spike": ("slow_spike_pct", "%"),
    "zscore": ("zscore_sigma", "standard deviations"),
    "volume_surge": ("volume_surge_ratio", "times the usual volume"),
    "divergence": ("divergence_pct", "%"),
    "sentiment_shift": ("sentiment_shift", "of a score from 0 to 1"),
}
_SYMBOL = re.compile(r"[A-Z0-9]{1,20}")

Type = Annotated[str, typer.Argument(help=", ".join(TYPES))]
Symbol = Annotated[str, typer.Option(help="A coin such as BTC; without, every coin that has no rule of its own.")]
From = Annotated[
    str | None, typer.Option("--from", help="Event time from which it holds, ISO 8601 (UTC); without, now.")
]


@rules.command("list")
def show(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show the thresholds in force: that of the settings, the rule for all coins, the rules of single coins."""
    config = settings()
    found = in_force(config)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table("alert", "coin", "threshold", "", "since", box=box.SIMPLE_HEAD, pad_edge=False)
    for row in found:
        coin = "all others" if row["symbol"] == EVERY else row["symbol"]
        threshold = "taken back" if row["threshold"] is None else f"{row['threshold']:g}"
        table.add_row(row["alert_type"], coin, threshold, TYPES[row["alert_type"]][1], row["since"] or "settings")
    console.print(table)


@rules.command("set")
def put(alert_type: Type, threshold: float, *, symbol: Symbol = EVERY, since: From = None) -> None:
    """Set a threshold. Running jobs take it over within seconds, for what happens from then on."""
    if not 0 < threshold < float("inf"):
        raise UserError(f"{threshold:g} is no threshold.", "It is a number above 0.")
    moment = change(settings(), alert_type, symbol, threshold, since)
    unit = TYPES[alert_type][1]
    console.print(
        f"{alert_type} of {_named(symbol)}: from {threshold:g} {unit} on, as of {moment:%Y-%m-%d %H:%M:%S} UTC"
    )


@rules.command("reset")
def reset(alert_type: Type, *, symbol: Symbol = EVERY, since: From = None) -> None:
    """Take a rule back: the rule for all coins holds again, or the setting."""
    moment = change(settings(), alert_type, symbol, None, since)
    console.print(f"{alert_type} of {_named(symbol)}: no rule any more, as of {moment:%Y-%m-%d %H:%M:%S} UTC")


def change(
    config: Settings, alert_type: str, symbol: str, threshold: float | None, since: str | None = None
) -> datetime:
    """Note a rule that holds from ``since`` on (ISO 8601, else now), None to take it back; return that moment.

    Raises UserError for what is no type, no symbol and no time, and where PostgreSQL does not answer.
    """
    if alert_type not in TYPES:
        raise UserError(f"There are no rules for {alert_type!r}.", f"There are for {', '.join(TYPES)}.")
    if symbol != EVERY and not _SYMBOL.fullmatch(symbol):
        raise UserError(f"{symbol!r} is no symbol of a coin.", "Write it as in the topics, such as BTC.")
    moment = _moment(since)
    from stack import database

    values = {"alert_type": alert_type, "symbol": symbol, "threshold": threshold, "valid_from": moment}
    server = _connect(config)
    try:
        with server, server.cursor() as cursor:
            cursor.execute(database.statement("queries/set_alert_rule"), values)
    finally:
        server.close()
    return moment


def in_force(config: Settings) -> list[dict[str, Any]]:
    """Return ``alert_type``, ``symbol``, ``threshold``, ``since`` (ISO 8601) of the thresholds that hold now or will.

    ``since`` is None for those of the settings. Raises UserError where PostgreSQL does not answer.
    """
    import psycopg2

    from stack import database

    try:
        noted = database.fetch(config, "alert_rules", moment=datetime.now(timezone.utc))
    except psycopg2.OperationalError:
        raise _no_answer() from None
    found: list[dict[str, Any]] = []
    for alert_type, (setting, _) in TYPES.items():
        usual = {"symbol": EVERY, "threshold": getattr(config.alerts, setting), "since": None}
        found.append({"alert_type": alert_type, **usual})
        found += [
            {
                "alert_type": alert_type,
                "symbol": row["symbol"],
                "threshold": row["threshold"],
                "since": row["valid_from"].isoformat(timespec="seconds"),
            }
            for row in noted
            if row["alert_type"] == alert_type
        ]
    return found


def _connect(config: Settings) -> Any:
    import psycopg2

    from stack import database

    try:
        return database.connect(config, "writer")
    except psycopg2.OperationalError:
        raise _no_answer() from None


def _no_answer() -> UserError:
    return UserError("PostgreSQL does not answer.", "Start the local stack with `tidemark up`.")


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(timezone.utc)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not read the Z
    except ValueError:
        raise UserError(f"{text!r} is not a time.", "Write 2026-01-31T12:00:00 (UTC).") from None
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc)


def _named(symbol: str) -> str:
    return "all other coins" if symbol == EVERY else symbol
