"""The lake: the Iceberg tables, made as sql/flink/lake describes them, kept tidy, and counted.

Everything goes through Iceberg's own Java classes, in the JVM that PyFlink talks to: what they write, every reader of
Iceberg can read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors import options
from flink_jobs.sql_files import SqlFile, lake_tables
from tidemark import endpoints
from tidemark.errors import UserError
from tidemark.settings import Settings

NAME = "lake"  # of the catalog, in Flink and in the rows that Iceberg keeps in PostgreSQL

_TABLE = re.compile(r"CREATE TABLE lake\.`?(\w+)`?\.(\w+) \(")
_PARTITION = re.compile(r"(\w+)\((\w+)\)|(\w+)")
# Iceberg's documentation, "Table properties".
_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    # A writer holds a row group per open partition in memory, and a backlog has many days and pairs open at once.
    "write.parquet.row-group-size-bytes": str(8 << 20),
    "write.parquet.page-size-bytes": str(256 << 10),
    # Each commit writes a description of the table; without these they would stay for ever.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}
_FILE_BYTES = 128 << 20  # what compaction aims at; below it files are put together


@dataclass(frozen=True)
class TableState:
    """What a table of the lake holds in its current state, and how many states there are; ``size`` is in bytes."""

    name: str
    rows: int
    files: int
    size: int
    snapshots: int


def migrate(settings: Settings) -> list[str]:
    """Make the tables that are missing, add the columns that are; nothing is ever taken away. Returns what was done.

    Raises UserError where a column has changed to a type that the rows written so far cannot be read as.
    """
    done = []
    catalog = _catalog(settings)
    for name, (schema, partitions) in _described().items():
        _make_namespace(catalog, name.partition(".")[0])
        identifier = _identifier(name)
        if not catalog.tableExists(identifier):
            catalog.createTable(identifier, schema, _spec(schema, partitions), _PROPERTIES)
            done.append(f"{name} made")
            continue
        table = catalog.loadTable(identifier)
        update = table.updateSchema().unionByNameWith(schema)
        try:
            new = update.apply()
        except _java_error() as error:
            reason = error.java_exception.getMessage()
            raise UserError(
                f"The lake's table {name} cannot become what sql/flink/lake/{name}.sql says: {reason}"
            ) from None
        old = {field.name() for field in table.schema().columns()}
        if not new.sameSchema(table.schema()):
            update.commit()
            added = [field.name() for field in new.columns() if field.name() not in old]
            done.append(f"{name} has the new columns {', '.join(added)}" if added else f"{name} has wider columns")
    return done


def status(settings: Settings) -> list[TableState]:
    """Return the state of every table that sql/flink/lake describes and the lake has."""
    found = []
    for name, table in _tables(settings).items():
        current = table.currentSnapshot()
        summary = dict(current.summary()) if current else {}
        rows, files, size = (int(summary.get(f"total-{key}", 0)) for key in ("records", "data-files", "files-size"))
        found.append(TableState(name, rows, files, size, sum(1 for _ in table.snapshots())))
    return found


def refuse_again(settings: Settings) -> None:
    """Raise UserError where the tables have rows: a job that begins at the start of the topics would add them again."""
    if any(state.rows for state in status(settings)):
        raise UserError(
            "The lake has rows already, and reading the topics from their beginning would add them once more.",
            "Start the job from its last snapshot, or take the rows out first: `tidemark lake clear`.",
        )


def maintain(settings: Settings, client: Mapping[str, str], report: Callable[[str], None]) -> None:
    """Put small files together, by a batch job of Flink per table, and give up states older than the settings say.

    The lake's job may go on meanwhile: both only add, and a commit that comes second is tried again. Files that no
    state has any more are deleted with the last state that had them.
    """
    environment = _stream_environment(client)
    oldest = round((time.time() - settings.lake.keep_snapshots.total_seconds()) * 1000)
    for name, table in _tables(settings).items():
        before = _files(table)
        if before > 1:
            action = _jvm().org.apache.iceberg.flink.actions.Actions.forTable(environment, table)
            action.rewriteDataFiles().targetSizeInBytes(_FILE_BYTES).execute()
            table.refresh()
        snapshots = sum(1 for _ in table.snapshots())
        table.expireSnapshots().expireOlderThan(oldest).commit()
        table.refresh()
        gone = snapshots - sum(1 for _ in table.snapshots())
        report(f"{name}: {before:,} files became {_files(table):,}, {gone:,} old states gone")


def clear(settings: Settings) -> None:
    """Take all rows out of the tables. Older states still have them, until `maintain` gives those up."""
    everything = _jvm().org.apache.iceberg.expressions.Expressions.alwaysTrue()
    for table in _tables(settings).values():
        if table.currentSnapshot():
            table.newDelete().deleteFromRowFilter(everything).commit()


def _described() -> dict[str, tuple[Any, str]]:
    """Return by name (namespace.table) what the SQL files describe: Iceberg's schema, and the partitions' expressions.

    Flink itself reads the statements, into a catalog that lives no longer than this.
    """
    from pyflink.table import EnvironmentSettings, TableEnvironment

    environment = TableEnvironment.create(EnvironmentSettings.in_batch_mode())
    environment.execute_sql(f"CREATE CATALOG {NAME} WITH ('type' = 'generic_in_memory')")
    jvm = _jvm()
    found = {}
    for file in lake_tables():
        namespace, table = _name(file)
        environment.execute_sql(f"CREATE DATABASE IF NOT EXISTS {NAME}.`{namespace}`")
        environment.execute_sql(file.text)
        path = jvm.org.apache.flink.table.catalog.ObjectIdentifier.of(NAME, namespace, table)
        resolved = environment._j_tenv.getCatalogManager().getTable(path).get()
        schema = jvm.org.apache.iceberg.flink.FlinkSchemaUtil.convert(resolved.getResolvedSchema())
        found[f"{namespace}.{table}"] = (schema, str(resolved.getTable().getOptions()["partitions"]))
    return found


def _name(file: SqlFile) -> tuple[str, str]:
    match = _TABLE.match(file.text)
    if match is None:
        raise UserError(f"{file.name} does not begin with CREATE TABLE lake.NAMESPACE.TABLE (.")
    return match[1], match[2]


def _spec(schema: Any, partitions: str) -> Any:
    builder = _jvm().org.apache.iceberg.PartitionSpec.builderFor(schema)
    for transform, column, identity in _PARTITION.findall(partitions):
        builder = getattr(builder, transform)(column) if transform else builder.identity(identity)
    return builder.build()


def _tables(settings: Settings) -> dict[str, Any]:
    catalog = _catalog(settings)
    names = [".".join(_name(file)) for file in lake_tables()]
    return {name: catalog.loadTable(_identifier(name)) for name in names if catalog.tableExists(_identifier(name))}


def _files(table: Any) -> int:
    current = table.currentSnapshot()
    return int(current.summary()["total-data-files"]) if current else 0


def _catalog(settings: Settings) -> Any:
    if not settings.lake.enabled:
        raise UserError("The lake is turned off.", "Set lake.enabled to true.")
    jvm = _jvm()
    given = options.lake(settings, endpoints.postgres(settings, "lake"))
    properties = {name: value for name, value in given.items() if name != "type"}
    try:
        return jvm.org.apache.iceberg.CatalogUtil.buildIcebergCatalog(
            NAME, properties, jvm.org.apache.hadoop.conf.Configuration()
        )
    except _java_error() as error:
        from flink_jobs.runner import root_cause

        raise UserError(
            f"The lake's catalog in PostgreSQL does not answer: {root_cause(error.java_exception)}"
        ) from None


def _make_namespace(catalog: Any, name: str) -> None:
    namespace = _namespace(name)
    if not catalog.namespaceExists(namespace):
        catalog.createNamespace(namespace, {})


def _namespace(*levels: str) -> Any:
    from pyflink.util.java_utils import to_jarray

    jvm = _jvm()
    return jvm.org.apache.iceberg.catalog.Namespace.of(to_jarray(jvm.java.lang.String, list(levels)))


def _identifier(name: str) -> Any:
    namespace, table = name.split(".")
    return _jvm().org.apache.iceberg.catalog.TableIdentifier.of(_namespace(namespace), table)


def _stream_environment(client: Mapping[str, str]) -> Any:
    from pyflink.common import Configuration

    configuration = Configuration()
    for name, value in {**client, "execution.runtime-mode": "BATCH", "execution.attached": "true"}.items():
        configuration.set_string(name, value)
    # Not PyFlink's get_execution_environment(): outside of `flink run` that is a cluster in this very process.
    stream = _jvm().org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
    return stream(configuration._j_configuration)


def _jvm() -> Any:
    from pyflink.java_gateway import get_gateway

    return get_gateway().jvm


def _java_error() -> Any:
    from py4j.protocol import Py4JJavaError

    return Py4JJavaError
