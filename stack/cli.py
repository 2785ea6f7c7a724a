"""The `tidemark` command: the local stack's own commands, and those that the other parts bring along.

What is slow to import (Flink, Kafka, PostgreSQL clients) is imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo import cli as demo_cli
from flink_jobs import cli as jobs_cli
from producers import cli as producers_cli
from serving import cli as serving_cli
from serving.notify import cli as notify_cli
from stack import alert_rules, dead_letters, quality
from tidemark.endpoints import Role
from tidemark.errors import UserError
from tidemark.settings import settings

app = typer.Typer(
    name="tidemark",
    help="Crypto market data and news through Kafka and Flink into PostgreSQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
producers_cli.register(app)
producers_cli.backfill.command("gaps")(quality.backfill_gaps)
app.command(rich_help_panel="Queries")(quality.quality)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(alert_rules.app, name="alerts")
app.add_typer(serving_cli.app, name="api", rich_help_panel="Serving")
app.command("notify", rich_help_panel="Serving")(notify_cli.notify)
jobs_cli.register(app)
demo_cli.register(app)

_out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)  # a pipe has no width to keep to
_err = Console(stderr=True, highlight=False, soft_wrap=True)
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
_COLOURS = {"up": "green", "done": "green", "RUNNING": "green", "starting": "yellow", "failed": "red", "down": "red"}
_COLOURS |= {"connected": "green", "waiting": "green", "failing": "red", "OPEN": "red", "HALF_OPEN": "yellow"}


def main() -> None:
    """Run the command; end with status 1 and one sentence where the user can put something right."""
    logging.getLogger("kafka").addHandler(logging.NullHandler())  # its failures reach the user as ours
    try:
        app()
    except UserError as error:
        _err.print(str(error), style="red", markup=False)
        if error.hint:
            _err.print(error.hint, markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `tidemark … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


@app.command(rich_help_panel="Local stack")
def up() -> None:
    """Start Kafka, PostgreSQL, the Flink cluster and the API, or what of them does not run."""
    from stack import local

    with _err.status("Starting the local stack (about 15 seconds)…"):
        local.up(settings(), _say)


@app.command(rich_help_panel="Local stack")
def down(
    *,
    wipe: Annotated[bool, typer.Option("--wipe", help="Then delete everything it has kept.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deleting.")] = False,
) -> None:
    """Stop the jobs (with savepoints) and every process of the local stack. Nothing is lost."""
    from stack import local

    if wipe and not yes:
        typer.confirm(f"Delete everything in {settings().data_dir}?", abort=True)
    with _err.status("Stopping the local stack…"):
        local.down(settings(), _say)
    if wipe:
        local.wipe(settings())
    _say("The local stack is down" + (", and its data are deleted." if wipe else "; its data are kept."))


@app.command(rich_help_panel="Local stack")
def status(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show the parts, the sources, the jobs, how much is in the topics and the tables, and its last maintenance."""
    from stack import local

    found = local.status(settings())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    parts = _table("part", "state", "process", "address")
    for part in found["parts"]:
        parts.add_row(part["name"], _coloured(part["state"]), str(part["pid"] or ""), part["address"] or "")
    _out.print(parts)
    if found["sources"]:
        _out.print(_sources(found["sources"]))
    if found["jobs"]:
        jobs = _table("job", "state", "records in", "records out", "id")
        for job in found["jobs"]:
            numbers = (f"{job['records_in']:,}", f"{job['records_out']:,}")
            jobs.add_row(job["name"], _coloured(job["state"]), *numbers, job["id"])
        _out.print(jobs)
    for title, key, unit in (("topic", "topics", "messages"), ("table", "tables", "rows")):
        if found[key]:
            counts = _table(title, unit)
            for name, number in sorted(found[key].items()):
                counts.add_row(name, f"{number:,}")
            _out.print(counts)
    if found["maintenance"]:
        runs = _table("task", "last run", "state", "seconds", "result")
        for run in found["maintenance"]:
            state = _coloured("failed" if run["failed"] else "done")
            ended = _clock(run["ended_at"])
            runs.add_row(run["task"], ended, state, f"{run['seconds']:.1f}", escape(_cut(run["result"], 80)))
        _out.print(runs)


def _sources(found: list[dict[str, Any]]) -> Table:
    table = _table("source", "state", "breaker", "messages", "dead", "last", "next run", "error")
    for one in found:
        last, following = _clock(one["last_message"] or one["last_run"]), _clock(one["next_run"])
        numbers = (f"{one['messages']:,}", f"{one['dead_letters']:,}")
        error = escape(_cut(one["error"] or "", 50))
        table.add_row(one["name"], _coloured(one["state"]), _coloured(one["breaker"]), *numbers, last, following, error)
    return table


@app.command(rich_help_panel="Local stack")
def health() -> None:
    """Check each part, each job and each source, and say what to do; exit status 1 where anything is wrong."""
    from stack import local

    findings = local.health(settings())
    table = _table("what", "state", "what to do")
    for finding in findings:
        table.add_row(escape(finding.name), _coloured(finding.state), escape(finding.advice))
    _out.print(table)
    if any(finding.advice for finding in findings):
        raise typer.Exit(1)


@app.command(rich_help_panel="Local stack")
def logs(
    part: Annotated[
        str | None, typer.Argument(help="kafka, postgres, jobmanager, taskmanager, maintenance, api; all without.")
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as the logs grow.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 50,
) -> None:
    """Show the last lines of the parts' logs."""
    from stack import local

    known = (*local.PARTS, "supervisord")
    if part is not None and part not in known:
        raise UserError(f"There is no part {part}.", f"The parts are {', '.join(known)}.")
    files = [local.log_file(settings(), name) for name in ([part] if part else known)]
    files = [file for file in files if file.exists()]
    if not files:
        raise UserError("There are no logs yet.", "`tidemark up` starts the local stack.")
    _become("tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, files))


@app.command(rich_help_panel="Local stack")
def migrate() -> None:
    """Bring the tables of PostgreSQL up to date (`up` does so for the local one)."""
    from stack import migrate as migrations

    applied = migrations.migrate(settings(), report=_say)
    _say(f"Applied {', '.join(applied)}." if applied else "The tables are up to date.")


@app.command(context_settings=_PASS_ON, rich_help_panel="Queries")
def psql(
    context: typer.Context,
    *,
    role: Annotated[str, typer.Option(help="reader, writer, api, lake or migrator.")] = "reader",
) -> None:
    """Open PostgreSQL's own client on the tables; every option of psql works (`-c "SELECT …"`)."""
    from typing import get_args

    from stack.config import postgres_bin
    from tidemark import endpoints

    if role not in get_args(Role):
        raise UserError(f"There is no role {role}.", f"The roles are {', '.join(get_args(Role))}.")
    login = endpoints.postgres(settings(), role)  # type: ignore[arg-type] # just checked
    environment = {
        "PGHOST": login.host,
        "PGPORT": str(login.port),
        "PGDATABASE": login.database,
        "PGUSER": login.user,
        "PGPASSWORD": login.password,
        **{f"PG{name.upper()}": value for name, value in login.tls.items()},
    }
    program = postgres_bin() / "psql"
    if settings().postgres.sslmode != "prefer":
        found = shutil.which("psql")
        if found is None:
            raise UserError("The psql that Tidemark brings along has no TLS.", "Install PostgreSQL's client programs.")
        program = Path(found)
    _become(str(program), *context.args, environment=environment)


@app.command(rich_help_panel="Local stack")
def maintain(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False
) -> None:
    """Make and drop partitions, make old ones compact, compute rollups; put the lake's small files together and give up
    its older states (the local stack does so daily).
    """
    from stack import maintain as maintenance

    maintenance.maintain(settings(), _say, dry_run=dry_run)
    maintenance.maintain_lake(settings(), _say, dry_run=dry_run)


@app.command(context_settings=_PASS_ON, add_help_option=False, rich_help_panel="Jobs")
def flink(context: typer.Context) -> None:
    """Call Flink's own `flink` command on the local cluster (`tidemark flink run -d -py flink_jobs/alerts.py`)."""
    from connectors import flink_home
    from stack.config import Layout

    if not (Layout(settings().data_dir).flink_conf / "config.yaml").exists():
        raise UserError("The local cluster was never started.", "`tidemark up` starts it.")
    _become(
        str(flink_home.ensure() / "bin" / "flink"), *context.args, environment=flink_home.client_environment(settings())
    )


def _become(program: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
    os.execvpe(program, [Path(program).name, *arguments], os.environ | (environment or {}))  # noqa: S606


def _say(text: str) -> None:
    _err.print(text, markup=False)


def _clock(time: str | None) -> str:
    """Return a time as it is noted, without the year and what is below a second."""
    return f"{time[5:10]} {time[11:19]}" if time else ""


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        numeric = column in ("messages", "dead", "rows", "records in", "records out", "process", "seconds")
        name = column in ("job", "table", "topic", "part", "source", "task")
        table.add_column(column, justify="right" if numeric else "left", no_wrap=name, max_width=30 if name else None)
    return table


def _coloured(state: str) -> str:
    colour = _COLOURS.get(state)
    return f"[{colour}]{state}[/]" if colour else state


if __name__ == "__main__":
    main()
