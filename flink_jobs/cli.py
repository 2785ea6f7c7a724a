"""Commands around the jobs: `tidemark jobs …` and `tidemark sql`."""

from __future__ import annotations

import sys
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from flink_jobs.sql_files import JOBS
from tidemark.settings import settings

_JOBS_HELP = f"Which: {', '.join(JOBS)}; all, where none is named."
Names = Annotated[Optional[list[str]], typer.Argument(help=_JOBS_HELP)]  # noqa: UP045 - typer reads it on 3.10
DropState = Annotated[
    bool, typer.Option(help="Leave out state that a changed job has no place for, instead of refusing.")
]

jobs = typer.Typer(help="Submit, list, upgrade and stop the Flink jobs.", no_args_is_help=True)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(jobs, name="jobs")
    app.command("sql")(sql)


@jobs.command("submit")
def submit(
    names: Names = None,
    fresh: Annotated[bool, typer.Option(help="Begin anew, not from the last savepoint or checkpoint.")] = False,
    drop_state: DropState = False,
) -> None:
    """Submit jobs to the session cluster, each from where it last was."""
    from flink_jobs import cluster

    cluster.submit(settings(), names or JOBS, console.print, fresh=fresh, drop_state=drop_state)


@jobs.command("list")
def list_jobs() -> None:
    """Show the jobs with their state and how many records they read and wrote."""
    from flink_jobs import cluster

    table = Table("job", "state", "records in", "records out", "id")
    for job in cluster.jobs(settings()):
        table.add_row(job["name"], job["state"], f"{job['records_in']:,}", f"{job['records_out']:,}", job["id"])
    console.print(table)


@jobs.command("stop")
def stop(names: Names = None) -> None:
    """Stop jobs with a savepoint each, which the next submit starts from."""
    from flink_jobs import cluster

    cluster.stop(settings(), names or _running(), console.print)


@jobs.command("upgrade")
def upgrade(names: Names = None, drop_state: DropState = False) -> None:
    """Replace running jobs by what the SQL files and settings say now, each from a savepoint of the one before."""
    from flink_jobs import cluster

    cluster.upgrade(settings(), names or _running(), console.print, drop_state=drop_state)


def _running() -> list[str]:
    from flink_jobs import cluster

    running = {job["name"] for job in cluster.jobs(settings()) if job["state"] in cluster.LIVE}
    return [name for name in JOBS if name in running]


def sql(
    execute: Annotated[Optional[str], typer.Option("-e", "--execute", help="Run this statement and exit.")] = None,  # noqa: UP045
    stream: Annotated[bool, typer.Option(help="Follow the topics instead of reading them up to now.")] = False,
) -> None:
    """Open Flink's SQL client with every table and view defined, or run one statement."""
    from flink_jobs import sql_client

    raise typer.Exit(sql_client.run(settings(), execute, stream=stream))
