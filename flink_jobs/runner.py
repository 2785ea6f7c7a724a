"""Submit a job: render its SQL files, let Flink parse them, and run them as one STATEMENT SET.

``flink run -py flink_jobs/<job>.py`` comes here through :func:`main`, and ``tidemark jobs submit`` through
:func:`submit`; both build the very same plan.
"""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

import psycopg2

from flink_jobs import iceberg, plans
from flink_jobs.plans import Plan
from flink_jobs.sql_files import SqlFile, definitions, inserts, job_options, needed, read_query
from flink_jobs.variables import Batch, variables
from tidemark import endpoints, kafka_clients
from tidemark.durations import format_duration
from tidemark.errors import UserError
from tidemark.paths import FLINK_SQL, POSTGRES_SQL
from tidemark.settings import Settings, settings

T = TypeVar("T")

_JAVA_CLASS = re.compile(r"^[\w.$]+(?:Exception|Error): ")
_VIEW = re.compile(r"CREATE TEMPORARY VIEW (\w+) AS\n")


def main(job: str, arguments: Sequence[str] | None = None) -> None:
    """Run as a script: submit ``job`` to where the Flink client says; see ``--help`` for runs over history."""
    parser = ArgumentParser(description=f"Submit the job {job}.")
    parser.add_argument("--mode", choices=("streaming", "batch"), default="streaming")
    parser.add_argument("--source", choices=("lake", "kafka"), default="lake", help="what batch reads")
    parser.add_argument("--from", dest="since", help="batch: the first moment to compute, in ISO 8601, UTC")
    parser.add_argument("--to", dest="until", help="batch: the moment to end before")
    given = parser.parse_args(arguments)
    try:
        if given.mode == "batch":
            job_id = run_batch(settings(), job, {}, Batch(given.source, moment(given.since), moment(given.until)))
            sys.stdout.write(f"{job}: done as {job_id}\n")
            return
        job_id = submit(settings(), job, {})
    except UserError as error:
        sys.exit(f"{error}\n{error.hint}".rstrip())
    sys.stdout.write(f"{job}: submitted as {job_id}\n")


@dataclass
class Prepared:
    """A job that Flink has planned, and that can be started."""

    plan: Plan
    _settings: Settings
    _job: str
    _table_env: Any

    def start(self, snapshot: str = "", *, drop_state: bool = False, wait: bool = False) -> str:
        """Start the job, from the savepoint or checkpoint ``snapshot`` (URI) where one is given; return its id (32 hex
        digits). ``drop_state`` leaves state in it that no step takes; ``wait`` waits until the job has finished.

        Raises UserError where Flink refuses, and where the job `lake` would add all rows once more.
        """
        config = self._table_env.get_config()
        if snapshot:
            # Iceberg's sinks do not name their state, so a changed plan may not find it. What a savepoint has is spent:
            # all that came before was committed with it. What a checkpoint has may be yet to be committed.
            spent = self._job == "lake" and "/chk-" not in snapshot
            config.set("execution.state-recovery.path", snapshot)
            config.set("execution.state-recovery.ignore-unclaimed-state", str(drop_state or spent).lower())
        # As the table environment has it: `flink run -s` sets it there.
        if self._job == "lake" and not config.get("execution.state-recovery.path", ""):
            iceberg.refuse_again(self._settings)
        with NamedTemporaryFile("w", suffix=".json") as file:
            file.write(self.plan.json)
            file.flush()
            result = _plainly("", lambda: self._table_env.execute_sql(f"EXECUTE PLAN '{file.name}'"))
        if wait:
            result.wait()
        return str(result.get_job_client().get_job_id())


def prepare(settings: Settings, job: str, options: Mapping[str, str], *, bounded: bool = False) -> Prepared:
    """Have Flink plan ``job``; for `lake` its tables are brought up to date before.

    ``options`` are Flink's own (where the cluster is), and the job's options.sql adds to them; ``bounded`` lets the job
    read what the topics hold now and finish. Raises UserError with Flink's own sentence and the SQL file where a
    statement is wrong, or where Kafka refuses us.
    """
    kafka_clients.check(settings)  # on the cluster the job would try for ever
    if job == "lake":
        iceberg.migrate(settings)
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
        _define(table_env, [file for file in defined if not file.is_view])  # the plan has the views in it
        return Prepared(plan, settings, job, table_env)
    table_env, statements = _statements(defined, files, given)
    text = _plainly("", lambda: statements.compile_plan().as_json_string())
    plan = Plan(sql, plans.named_by_content(text))
    plans.keep_made(settings, plan)
    return Prepared(plan, settings, job, table_env)


def submit(
    settings: Settings, job: str, options: Mapping[str, str], *, bounded: bool = False, wait: bool = False
) -> str:
    """Prepare ``job`` and start it anew; return its id. Arguments and errors are those of `prepare` and `start`."""
    return prepare(settings, job, options, bounded=bounded).start(wait=wait)


def run_batch(settings: Settings, job: str, options: Mapping[str, str], batch: Batch) -> str:
    """Run ``job`` over history by the same SQL files, wait until it is done, and return its id.

    It upserts into the same tables, and only the rows of the range, so a second run changes nothing. Raises UserError
    as `submit` does, and where nothing of the job runs in batch, or the lake is empty.
    """
    if batch.source == "kafka":
        kafka_clients.check(settings)
    elif not settings.lake.enabled:
        raise UserError("The lake is turned off.", "Set lake.enabled to true, or read Kafka: --source kafka.")
    values = variables(settings, job, batch=batch)
    files = inserts(job, values, batch=True)
    if not files:
        raise UserError(f"Nothing of the job {job} runs in batch.", "Its SQL files say why, under Mode.")
    if batch.source == "lake":
        iceberg.refuse_empty(settings)
    table_env = _environment(
        {"parallelism.default": str(settings.flink.parallelism), **options, "pipeline.name": f"{job}-batch"}, batch=True
    )
    _define(table_env, needed(files, definitions(values, batch=True, lake=batch.source == "lake")))
    statements = table_env.create_statement_set()
    for file in files:
        within = _within(table_env, file, values) if batch.since or batch.until else file
        _plainly(file.name, partial(statements.add_insert_sql, within.text))
    result = _plainly("", statements.execute)
    _plainly(job, result.wait)
    if job == "enrich":
        _forget_unmatched(settings, batch)
    return str(result.get_job_client().get_job_id())


def _forget_unmatched(settings: Settings, batch: Batch) -> None:
    login = endpoints.postgres(settings, "writer")
    tls: dict[str, Any] = {**login.tls}
    server = psycopg2.connect(
        host=login.host,
        port=login.port,
        dbname=login.database,
        user=login.user,
        password=login.password,
        connect_timeout=5,
        **tls,
    )
    try:
        with server, server.cursor() as cursor:
            query = read_query(POSTGRES_SQL / "queries" / "forget_unmatched.sql")
            cursor.execute(query, {"since": batch.since or "-infinity", "until": batch.until or "infinity"})
    finally:
        server.close()


def moment(text: str | None) -> datetime | None:
    """Return the moment that ISO 8601 ``text`` says, in UTC where it names no zone. Raises UserError for any other."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise UserError(f"{text!r} is no moment.", "Write it in ISO 8601: 2026-01-31 or 2026-01-31T13:00.") from None
    return found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _within(table_env: Any, file: SqlFile, values: Mapping[str, str]) -> SqlFile:
    """Return the INSERT of ``file`` less the rows outside of the range, by the event time of what it writes."""
    sink, _, select = file.text.removeprefix("INSERT INTO ").partition("\n")
    schema = table_env.from_path(sink)._j_table.getResolvedSchema()
    types = {name: str(schema.getColumn(name).get().getDataType()) for name in schema.getColumnNames()}
    key = schema.getPrimaryKey()
    time = range_column(sink, types, list(key.get().getColumns()) if key.isPresent() else [])
    template = read_query(FLINK_SQL / "queries" / "within_range.sql", values)
    columns = ", ".join(f"`{name}`" for name in types)
    return replace(file, text=template.format(sink=sink, query=select, columns=columns, time=f"`{time}`"))


def range_column(sink: str, types: Mapping[str, str], key: Sequence[str]) -> str:
    """Return the column that says whether a row of ``sink`` lies in a range: the time in its key, or its event time.

    ``types`` are Flink's, by column. Raises UserError where there is neither.
    """
    for name in (*key, "event_time"):
        if "TIMESTAMP" in types.get(name, ""):
            return name
    raise UserError(
        f"The table {sink} has neither a time in its key nor an event_time, so no range can be given.",
        "Run the job without --from and --to.",
    )


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
        _plainly(file.name, partial(_run, table_env, file.text))


def _run(table_env: Any, definition: str) -> None:
    # A view that is given as text is read anew wherever it is used, and each UNNEST in it has another name then: what
    # builds on one would be planned, and run, once for each use.
    if view := _VIEW.match(definition):
        table_env.create_temporary_view(view[1], table_env.sql_query(definition[view.end() :]))
    else:
        table_env.execute_sql(definition)


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
    from pyflink.util.exceptions import JavaException

    try:
        return action()
    except Py4JJavaError as error:
        reason = root_cause(error.java_exception)
    except JavaException as error:  # what PyFlink makes of some of them: it has the stack trace only
        causes = re.findall(r"^Caused by: (.*)", str(error), re.MULTILINE)
        reason = _JAVA_CLASS.sub("", causes[-1] if causes else str(error).split("\n", 1)[0])
    raise UserError(f"{where}: {reason}".removeprefix(": "))


def root_cause(throwable: Any) -> str:
    """Return the innermost message of a Java exception: what is wrong, without how Flink came upon it."""
    message = str(throwable.toString())
    while (cause := throwable.getCause()) is not None:
        throwable = cause
        message = str(throwable.toString())
    return _JAVA_CLASS.sub("", message)
