"""The lake as others read it: PyIceberg plans, DuckDB reads the files; none of it is Flink or Iceberg's Java."""

from __future__ import annotations

from typing import Any

import duckdb
from pyiceberg.table import StaticTable

from stack import database
from tests.world import World

_LOCATION = "SELECT metadata_location FROM lake.iceberg_tables WHERE table_namespace || '.' || table_name = %s"


def table(world: World, name: str) -> StaticTable:
    """Return ``name`` (namespace.table) as its catalog in PostgreSQL has it now."""
    server = database.connect(world.settings, "reader")
    try:
        with server, server.cursor() as cursor:
            cursor.execute(_LOCATION, [name])
            ((location,),) = cursor.fetchall()
    finally:
        server.close()
    return StaticTable.from_metadata(location, {"py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO"})


def files(world: World, name: str) -> list[str]:
    """Return the paths of the data files of the table's current state."""
    return [task.file.file_path.removeprefix("file:") for task in table(world, name).scan().plan_files()]


def rows(world: World, name: str, columns: str = "*") -> list[tuple[Any, ...]]:
    """Return what DuckDB reads of ``columns`` (SQL) in the table's files; a time is in UTC."""
    paths = files(world, name)
    if not paths:
        return []
    found = duckdb.connect()
    found.execute("SET TimeZone = 'UTC'")
    query = f"SELECT {columns} FROM read_parquet(?, union_by_name => true)"
    return found.execute(query, [paths]).fetchall()
