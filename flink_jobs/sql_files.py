"""The SQL files of a job, in the order they are to be run, with their variables filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tidemark.errors import UserError
from tidemark.paths import FLINK_SQL, ROOT

JOBS = ("ingest", "enrich", "analytics", "alerts", "quality", "lake")

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SET = re.compile(r"SET\s+'([^']+)'\s*=\s*'([^']*)'\s*;", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\A\d+_")
_STREAMING_ONLY = re.compile(r"^-- Mode: +streaming only", re.MULTILINE)
_BANNER = re.compile(r"\A(?:--.*\n)+")


@dataclass(frozen=True)
class SqlFile:
    """One rendered statement: ``path`` says where it comes from, ``banner`` is its comment, ``text`` the statement."""

    path: Path
    banner: str
    text: str

    @property
    def name(self) -> str:
        """Return the path as users know it, from the checkout on."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def is_view(self) -> bool:
        """Return whether it defines a view, and no table or catalog."""
        return self.path.is_relative_to(FLINK_SQL / "views")


def definitions(values: Mapping[str, str], *, batch: bool = False, lake: bool = False) -> list[SqlFile]:
    """Return the lake's catalog, every CREATE TABLE, then every CREATE VIEW in the order they build on each other.

    For ``batch`` those are left out whose banner says that they are for streaming only, and what is in views/batch
    takes the place of its namesakes; with ``lake`` the tables over topics are the views of batch over the lake instead.
    """
    tables, views = _files("tables"), _files("views")
    history = _files("batch") if lake else {}
    if batch:
        views |= _files("views/batch")
    paths = [
        *_in_order(_files("catalogs")),
        *_in_order({name: path for name, path in tables.items() if name not in history}),
        # Those without a word of heartbeats first, because the heartbeats are defined by them.
        *sorted(history.values(), key=lambda path: ("heartbeats" in path.name, path.name)),
        *_in_order(views),
    ]
    files = [_read(path, values) for path in paths]
    return [file for file in files if not (batch and _streaming_only(file))]


def lake_tables() -> list[SqlFile]:
    """Return the definitions of the lake's tables: of the form CREATE TABLE lake.NAMESPACE.TABLE."""
    return [_read(path, {}) for path in _in_order(_files("lake"))]


def _files(folder: str) -> dict[str, Path]:
    return {path.name: path for path in (FLINK_SQL / folder).glob("*.sql")}


def _in_order(files: Mapping[str, Path]) -> list[Path]:
    return [files[name] for name in sorted(files)]


def _streaming_only(file: SqlFile) -> bool:
    return _STREAMING_ONLY.search(file.banner) is not None


def needed(files: list[SqlFile], available: list[SqlFile]) -> list[SqlFile]:
    """Return those of ``available`` (definitions, in order) that ``files`` name, directly or through each other.

    A file's name is the name of what it defines. Defining a view makes Flink check all it builds on, which for what
    a job does not use is time for nothing.
    """
    names = {defined(file): file for file in available}
    found: set[str] = set()
    open_files = list(files)
    while open_files:
        used = {name for name in _WORD.findall(open_files.pop().text) if name in names}
        open_files += [names[name] for name in used - found]
        found |= used
    return [file for file in available if defined(file) in found]


def defined(file: SqlFile) -> str:
    """Return the name of the table, view or catalog that a definition is of."""
    return _NUMBER.sub("", file.path.stem)


def inserts(job: str, values: Mapping[str, str], *, batch: bool = False) -> list[SqlFile]:
    """Return the INSERT statements of ``job``, one per file; for ``batch`` without those for streaming only."""
    files = [_read(path, values) for path in sorted(_folder(job).glob("*.sql")) if path.name != "options.sql"]
    return [file for file in files if not (batch and _streaming_only(file))]


def job_options(job: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return what the job's options.sql sets, if it has one."""
    path = _folder(job) / "options.sql"
    return dict(_SET.findall(_read(path, values).text + ";")) if path.exists() else {}


def read_query(path: Path, values: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the statement of a file, without banner and semicolon; ``values`` are its variables, if it has any."""
    return _read(path, values).text


def render(template: str, values: Mapping[str, str], where: str) -> str:
    """Return ``template`` with each ``${NAME}`` replaced. Raises UserError for a name that is not in ``values``."""

    def value(match: re.Match[str]) -> str:
        try:
            return values[match[1]]
        except KeyError:
            line = template.count("\n", 0, match.start()) + 1
            raise UserError(
                f"{where}, line {line}: ${{{match[1]}}} is not a known variable.",
                "Variables are listed in flink_jobs/variables.py.",
            ) from None

    return _VARIABLE.sub(value, template)


def _folder(job: str) -> Path:
    if job not in JOBS:
        raise UserError(f"There is no job {job!r}.", f"Jobs: {', '.join(JOBS)}.")
    return FLINK_SQL / "jobs" / job


def _read(path: Path, values: Mapping[str, str]) -> SqlFile:
    name = path.relative_to(ROOT).as_posix()
    text = render(path.read_text(encoding="utf-8"), values, name)
    banner = _BANNER.match(text)
    if banner is None:
        raise UserError(f"{name} has no banner.", "Begin it with -- comments.")
    return SqlFile(path, banner[0], text[banner.end() :].strip().removesuffix(";"))
