"""The lake: the Iceberg tables, made as sql/flink/lake describes them, kept tidy, and counted.

Everything goes through Iceberg's own Java classes, in the JVM that PyFlink talks to: what they write, every reader of
Iceberg can read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any
from urllib.parse import urlsplit

from connectors import options
from flink_jobs.sql_files import SqlFile, lake_tables
from tidemark import endpoints
from tidemark.errors import UserError
from tidemark.settings import Settings

NAME = "lake"  # of the catalog, in Flink and in the rows that Iceberg keeps in PostgreSQL

_TABLE = re.compile(r"CREATE TABLE lake\.`?(\w+)`?\.(\w+) \(")
_MANIFEST = re.compile(r"\bpath=(.*?), length=")  # in what Iceberg prints of a manifest
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


@dataclass(frozen=True)
class Upkeep:
    """What upkeep does to a table: how many data files it has before and after, states given up, orphans deleted."""

    table: str
    before: int
    after: int
    states: int
    orphans: int

    def __str__(self) -> str:
        what = [
            f"put together {self.before:,} files into {self.after:,}" if self.after < self.before else "",
            f"give up {self.states:,} older states" if self.states else "",
            f"delete {self.orphans:,} orphans" if self.orphans else "",
        ]
        return f"{self.table}: {', '.join(filter(None, what)) or 'nothing to do'}"


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
        found.append(TableState(name, rows, files, size, len(_states(table))))
    return found


def refuse_empty(settings: Settings) -> None:
    """Raise UserError where the tables are not there or have no rows: there is nothing to run over."""
    if not any(state.rows for state in status(settings)):
        raise UserError(
            "The lake is empty.",
            "`tidemark jobs submit lake` fills it from the topics; `--source kafka` reads the topics themselves.",
        )


def refuse_again(settings: Settings) -> None:
    """Raise UserError where the tables have rows: a job that begins at the start of the topics would add them again."""
    if any(state.rows for state in status(settings)):
        raise UserError(
            "The lake has rows already, and reading the topics from their beginning would add them once more.",
            "Start the job from its last snapshot, or take the rows out first: `tidemark lake clear`.",
        )


def maintain(
    settings: Settings, client: Mapping[str, str], report: Callable[[str], None], *, dry_run: bool = False
) -> list[Upkeep]:
    """Put small files together, by a batch job of Flink per table, give up states older than the settings say, and
    delete orphans: files that no state knows, left by a writer that was killed. Returns what was done to each table
    that has rows.

    The lake's job may go on meanwhile: both only add, and a commit that comes second is tried again. Files that no
    state has any more are deleted with the last state that had them. With ``dry_run`` nothing changes. Raises UserError
    where Flink or the place of the files does not do its part. ``report`` gets a line for each.
    """
    done = []
    for name, table in _tables(settings).items():
        if table.currentSnapshot() is None:
            continue
        try:
            done.append(_maintain(settings, name, table, client, dry_run=dry_run))
        except _java_error() as error:
            from flink_jobs.runner import root_cause

            raise UserError(
                f"The upkeep of the lake's table {name} failed: {root_cause(error.java_exception)}",
                "What was done before holds; it can be run again: `tidemark lake maintain`.",
            ) from None
        report(str(done[-1]))
    return done


def _maintain(settings: Settings, name: str, table: Any, client: Mapping[str, str], *, dry_run: bool) -> Upkeep:
    oldest = round((time.time() - settings.lake.keep_snapshots.total_seconds()) * 1000)
    before = _files(table)
    if dry_run:
        old = sum(1 for _ in takewhile(lambda state: state.timestampMillis() < oldest, _states(table)[:-1]))
        partitions = {str(task.partition()) for task in _list(table.newScan().planFiles())}
        return Upkeep(name, before, len(partitions), old, len(_orphans(settings, table)))
    if before > 1:
        environment = _stream_environment(client)
        action = _jvm().org.apache.iceberg.flink.actions.Actions.forTable(environment, table)
        action.rewriteDataFiles().targetSizeInBytes(_FILE_BYTES).execute()
        table.refresh()
    # Before states are given up: those of the job say when it committed last.
    orphans = _orphans(settings, table)
    for location in orphans:
        table.io().deleteFile(location)
    states = len(_states(table))
    table.expireSnapshots().expireOlderThan(oldest).commit()
    table.refresh()
    return Upkeep(name, before, _files(table), states - len(_states(table)), len(orphans))


def _states(table: Any) -> Any:
    """Return the table's states, the oldest first: a list of Java's, since there may be thousands."""
    return _list(table.snapshots())


def _orphans(settings: Settings, table: Any) -> list[str]:
    """Return the files below the table's place that no state knows, and that nobody is about to commit.

    The job commits its files in the order of its checkpoints. So what a killed job has yet to commit, however long it
    has been down, is younger than what it committed last: nothing is an orphan that is not older than that commit by
    `lake.orphans_after`.
    """
    committed = next((one for one in reversed(_states(table)) if one.summary().get("flink.job-id")), None)
    if committed is None:
        return []
    before = committed.timestampMillis() - settings.lake.orphans_after.total_seconds() * 1000
    files = table.io().listPrefix(table.location()).iterator()
    old = []
    while files.hasNext():
        file = files.next()
        if file.createdAtMillis() < before:
            old.append(str(file.location()))
    known = _known(table) if old else set()
    found = [location for location in old if _path(location) not in known]
    # Where none is known, perhaps because locations are written in two ways, nothing can be said.
    return found if len(found) < len(old) else []


def _known(table: Any) -> set[tuple[str, str]]:
    """Return the paths of all files that any state of the table has, and of the table's descriptions; none where that
    cannot be said.
    """
    jvm = _jvm()
    reachable = jvm.org.apache.iceberg.ReachableFileUtil
    locations = {*reachable.metadataFileLocations(table, False), *reachable.manifestListLocations(table)}
    locations |= {*reachable.statisticsFilesLocations(table)}
    read = set()
    for state in _states(table):
        manifests = state.allManifests(table.io())
        # One text for all of them, and below one for all files: each step of an iterator there is a call from here.
        places = _MANIFEST.findall(manifests.toString())
        if len(places) != len(manifests):
            return set()
        for number, location in enumerate(places):
            if location not in read:
                if manifests[number].content().toString() != "DATA":
                    return set()  # deletes of single rows, which somebody else has written
                paths = jvm.org.apache.iceberg.ManifestFiles.readPaths(manifests[number], table.io())
                locations |= {location, *jvm.java.lang.String.join("\n", _list(paths)).split("\n")}
                read.add(location)
    return {_path(location) for location in locations}


def _list(iterable: Any) -> Any:
    return _jvm().org.apache.iceberg.relocated.com.google.common.collect.Lists.newArrayList(iterable)


def _path(location: str) -> tuple[str, str]:
    """Return host and path of a location: of `file:/x` and `file:///x` the same."""
    parts = urlsplit(location)
    return parts.netloc, parts.path


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
