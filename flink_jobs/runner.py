"""Submit a job: render its SQL files, let Flink parse them, and run them as one STATEMENT SET.

``flink run -py flink_jobs/<job>.py`` comes here through :func:`main`, and ``tidemark jobs submit`` through
:func:`submit`; both build the very same plan.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

from flink_jobs import plans
from flink_jobs.plans import Plan
from flink_jobs.sql_files import SqlFile, definitions, inserts, job_options, needed
from flink_jobs.variables import variables
from tidemark import kafka_clients
from tidemark.durations import format_duration
from tidemark.errors import UserError
from tidemark.settings import Settings, settings

T = TypeVar("T")


def main(job: str) -> None:
    """Run as a script: submit ``job`` to where the Flink client says."""
    try:
        job_id = submit(settings(), job, {})
    except UserError as error:
        sys.exit(f"{error}\n{error.hint}".rstrip())
    sys.stdout.write(f"{job}: submitted as {job_id}\n")


@dataclass
class Prepared:
    """A job that Flink has planned, and that can be started."""

    plan: Plan
    _table_env: Any

    def start(self, snapshot: str = "", *, drop_state: bool = False, wait: bool = False) -> str:
        """Start the job, from the savepoint or checkpoint ``snapshot`` (URI) where one is given; return its id (32 hex
        digits). ``drop_state`` leaves state in it that no step takes; ``wait`` waits until the job has finished.
        """
        config = self._table_env.get_config()
        if snapshot:
            config.set("execution.state-recovery.path", snapshot)
            config.set("execution.state-recovery.ignore-unclaimed-state", str(drop_state).lower())
        with NamedTemporaryFile("w", suffix=".json") as file:
            file.write(self.plan.json)
            file.flush()
            result = _plainly("", lambda: self._table_env.execute_sql(f"EXECUTE PLAN '{file.name}'"))
        if wait:
            result.wait()
        return str(result.get_job_client().get_job_id())


def prepare(settings: Settings, job: str, options: Mapping[str, str], *, bounded: bool = False) -> Prepared:
    """Have Flink plan ``job``.

    ``options`` are Flink's own (where the cluster is), and the job's options.sql adds to them; ``bounded`` lets the job
    read what the topics hold now and finish. Raises UserError with Flink's own sentence and the SQL file where a
    statement is wrong, or where Kafka refuses us.
    """
    kafka_clients.check(settings)  # on the cluster the job would try for ever
    values = variables(settings, job, bounded=bounded)
    given = {
        **_durability(settings),
        **options,
        "pipeline.name": job,
        "table.plan.compile.catalog-objects": "IDENTIFIER",  # not the options of tables, with the password
    }
    given |= job_options(job, values)
    files = inserts(job, values)
    defined = needed(files, definitions(values))
    sql = plans.digest((file.text for file in [*defined, *files]), given)
    if plan := plans.made(settings, sql):
        table_env = _environment(given)
        _define(table_env, [file for file in defined if file.is_table])  # the plan has the views in it
        return Prepared(plan, table_env)
    table_env, statements = _statements(defined, files, given)
    text = _plainly("", lambda: statements.compile_plan().as_json_string())
    plan = Plan(sql, plans.named_by_content(text))
    plans.keep_made(settings, plan)
    return Prepared(plan, table_env)


def submit(
    settings: Settings, job: str, options: Mapping[str, str], *, bounded: bool = False, wait: bool = False
) -> str:
    """Prepare ``job`` and start it anew; return its id. Arguments and errors are those of `prepare` and `start`."""
    return prepare(settings, job, options, bounded=bounded).start(wait=wait)


def explain(settings: Settings, job: str) -> str:
    """Return the plan of ``job`` with the changelog mode of each step."""
    from pyflink.table import ExplainDetail

    values = variables(settings, job)
    files = inserts(job, values)
    _, statements = _statements(needed(files, definitions(values)), files, job_options(job, values))
    return str(_plainly("", lambda: statements.explain(ExplainDetail.CHANGELOG_MODE)))


def query(
    settings: Settings, sql: str, options: Mapping[str, str], *, stream: bool = False
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Run one ad-hoc statement over all tables and views; return the column names and the rows.

    It reads the topics up to now and ends, or with ``stream`` goes on until the caller stops asking.
    """
    values = variables(settings, "sql", bounded=not stream, role="reader")
    table_env = _environment({**options, "pipeline.name": "ad hoc"}, batch=not stream)
    _define(table_env, definitions(values, batch=not stream))
    result = _plainly("", lambda: table_env.execute_sql(sql))
    return result.get_table_schema().get_field_names(), (tuple(row) for row in _rows(result))


def _durability(settings: Settings) -> dict[str, str]:
    """Return how a job of ours runs on any cluster: how wide, how often it is saved, how it gets up again."""
    return {
        "parallelism.default": str(settings.flink.parallelism),
        "execution.checkpointing.interval": format_duration(settings.flink.checkpoint_interval),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        # For ever, but ever more slowly: a PostgreSQL that is restarted must not end a job.
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        # The pattern matcher sorts what lies between two watermarks: the closer they are, the less that is.
        "pipeline.auto-watermark-interval": "50 ms",
    }


def _rows(result: Any) -> Iterator[Any]:
    with result.collect() as rows:
        while (row := _plainly("", lambda: next(rows, None))) is not None:
            yield row


def _statements(defined: list[SqlFile], inserts: list[SqlFile], options: Mapping[str, str]) -> tuple[Any, Any]:
    table_env = _environment(options)
    _define(table_env, defined)
    statements = table_env.create_statement_set()
    for file in inserts:
        _plainly(file.name, partial(statements.add_insert_sql, file.text))
    return table_env, statements


def _define(table_env: Any, files: list[SqlFile]) -> None:
    for file in files:
        _plainly(file.name, partial(table_env.execute_sql, file.text))


def _environment(options: Mapping[str, str], *, batch: bool = False) -> Any:
    from pyflink.common import Configuration
    from pyflink.table import EnvironmentSettings, TableEnvironment

    configuration = Configuration()
    for name, value in {"table.local-time-zone": "UTC", **options}.items():
        configuration.set_string(name, value)
    builder = EnvironmentSettings.new_instance().with_configuration(configuration)
    builder = builder.in_batch_mode() if batch else builder.in_streaming_mode()
    return TableEnvironment.create(builder.build())


def _plainly(where: str, action: Callable[[], T]) -> T:
    """Run ``action``; what Flink has against it becomes one sentence, with the SQL file it is about."""
    from py4j.protocol import Py4JJavaError

    try:
        return action()
    except Py4JJavaError as error:
        raise UserError(f"{where}: {root_cause(error.java_exception)}".removeprefix(": ")) from None


def root_cause(throwable: Any) -> str:
    """Return the innermost message of a Java exception: what is wrong, without how Flink came upon it."""
    message = str(throwable.toString())
    while (cause := throwable.getCause()) is not None:
        throwable = cause
        message = str(throwable.toString())
    return re.sub(r"^[\w.$]+(?:Exception|Error): ", "", message)
