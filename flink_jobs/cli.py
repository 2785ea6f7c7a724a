"""Commands around the jobs: `tidemark jobs …` and `tidemark sql`."""

from __future__ import annotations

import sys
from typing import Annotated, Literal, Optional

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
lake = typer.Typer(help="The Iceberg tables: what they hold, and upkeep.", no_args_is_help=True)
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.add_typer(jobs, name="jobs")
    app.add_typer(lake, name="lake")
    app.command("sql")(sql)


@jobs.command("submit")
def submit(
    names: Names = None,
    fresh: Annotated[bool, typer.Option(help="Begin anew, not from the last savepoint or checkpoint.")] = False,
    drop_state: DropState = False,
) -> None:
    """Submit jobs to the session cluster, each from where it last was."""
    from flink_jobs import cluster

    chosen = names or cluster.default_jobs(settings())
    cluster.submit(settings(), chosen, console.print, fresh=fresh, drop_state=drop_state)


@jobs.command("run")
def run(
    name: Annotated[str, typer.Argument(help=f"Which: {', '.join(JOBS)}.")],
    *,
    mode: Annotated[Literal["batch"], typer.Option(help="How: over history, to its end.")] = "batch",
    since: Annotated[Optional[str], typer.Option("--from", help="The first moment to compute, ISO 8601, UTC.")] = None,  # noqa: UP045
    until: Annotated[Optional[str], typer.Option("--to", help="The moment to end before.")] = None,  # noqa: UP045
    source: Annotated[Literal["lake", "kafka"], typer.Option(help="What to read.")] = "lake",
) -> None:
    """Run a job in batch over the lake or the topics, into the same tables."""
    from flink_jobs import cluster, runner
    from flink_jobs.variables import Batch

    batch = Batch(source, runner.moment(since), runner.moment(until))
    cluster.run(settings(), name, batch, console.print)


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


@lake.command("status")
def lake_status() -> None:
    """Show the tables with their rows, files, size and states to go back to."""
    from flink_jobs import cluster, iceberg

    cluster.client_options(settings())
    table = Table("table", "rows", "files", "MiB", "snapshots")
    for state in iceberg.status(settings()):
        size = f"{state.size / (1 << 20):,.1f}"
        table.add_row(state.name, f"{state.rows:,}", f"{state.files:,}", size, f"{state.snapshots:,}")
    console.print(table)


@lake.command("migrate")
def lake_migrate() -> None:
    """Make missing tables and add new columns (submitting the job lake does so too); takes nothing away."""
    from flink_jobs import cluster, iceberg

    cluster.client_options(settings())
    for line in iceberg.migrate(settings()) or ["The tables are up to date."]:
        console.print(line)


@lake.command("maintain")
def lake_maintain(
    *, dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False
) -> None:
    """Do the lake's part of `tidemark maintain`: fewer files, fewer older states; the jobs may go on meanwhile."""
    from stack import maintain

    maintain.maintain_lake(settings(), console.print, dry_run=dry_run)


@lake.command("clear")
def lake_clear(*, yes: Annotated[bool, typer.Option("--yes", help="Do not ask before.")] = False) -> None:
    """Take all rows out of the tables; older states still have them until `maintain` gives those up."""
    from flink_jobs import cluster, iceberg

    if not yes:
        typer.confirm("Take all rows out of the lake's tables?", abort=True)
    cluster.client_options(settings())
    iceberg.clear(settings())


def sql(
    execute: Annotated[Optional[str], typer.Option("-e", "--execute", help="Run this statement and exit.")] = None,  # noqa: UP045
    stream: Annotated[bool, typer.Option(help="Follow the topics instead of reading them up to now.")] = False,
) -> None:
    """Open Flink's SQL client with every table and view defined, or run one statement."""
    from flink_jobs import sql_client

    raise typer.Exit(sql_client.run(settings(), execute, stream=stream))
