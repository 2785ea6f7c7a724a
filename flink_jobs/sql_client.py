"""Flink's SQL client on the running cluster, with every table and view defined."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.flink_home import FLINK_HOME
from flink_jobs import cluster
from flink_jobs.sql_files import definitions
from flink_jobs.variables import variables
from tidemark.errors import UserError
from tidemark.settings import Settings

# What the client says around a result when it runs a file.
_NOISE = re.compile(
    r"\[INFO\] Executing SQL from file|Successfully initialized|Command history file|Shutting down the session|done\.$"
    r"|> |.* org\.jline\.|WARNING: Unable to create a system terminal|$"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PROMPT = "Flink SQL> "
_ANSWER = re.compile(r"\+-+\+|\[ERROR\]")  # what may follow the prompt on its line, behind an echo of the statement
_PROBLEM = "[ERROR]"


def run(settings: Settings, statement: str | None, *, stream: bool) -> int:
    """Open the client, or run ``statement`` and print its result; return the exit status.

    Queries read the topics up to now and end, or with ``stream`` follow them. Raises UserError with Flink's own
    sentence where it refuses ``statement``.
    """
    options = cluster.client_options(settings)
    values = variables(settings, "sql", bounded=not stream, role="reader")
    init = {
        **options,
        "execution.runtime-mode": "streaming" if stream else "batch",
        "sql-client.execution.result-mode": "tableau",
        "sql-client.verbose": "false",
        "table.local-time-zone": "UTC",
    }
    lines = [f"SET '{name}' = '{value}'" for name, value in init.items()]
    lines += [file.text for file in definitions(values, batch=not stream)]
    folder = settings.data_dir / "flink" / "tmp"
    history = settings.data_dir / "flink" / "sql-history"
    client = [str(FLINK_HOME / "bin" / "sql-client.sh"), "embedded", "-hist", str(history)]
    with _script(folder, lines) as init_file:
        if statement is None:
            return _converse([*client, "-i", init_file])
        with _script(folder, [statement.rstrip().removesuffix(";")]) as query_file:
            return _print_result([*client, "-i", init_file, "-f", query_file])


def _converse(command: list[str]) -> int:
    """Run the client on our terminal. Ctrl-C, which reaches us too, is for the client: it ends a query there."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)  # not SIG_IGN: the client would inherit that
    try:
        return subprocess.run(command, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def _print_result(command: list[str]) -> int:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        problem: list[str] = []
        for raw in process.stdout:
            line = _COLOUR.sub("", raw)
            if line.startswith(_PROMPT):
                answer = _ANSWER.search(line)
                line = line[answer.start() :] if answer else line.removeprefix(_PROMPT)
            if problem or line.startswith(_PROBLEM):
                problem.append(line.strip())
            elif not _NOISE.match(line):
                sys.stdout.write(line)
                sys.stdout.flush()
    if problem:
        causes = [line for line in problem[1:] if line and not _NOISE.match(line)] or problem
        raise UserError(re.sub(r"^(?:[\w.$]+(?:Exception|Error): )+", "", causes[0]))
    return process.returncode


@contextmanager
def _script(folder: Path, statements: list[str]) -> Iterator[str]:
    """Write a SQL script that only its owner can read, because it holds a password; remove it at the end."""
    handle, name = tempfile.mkstemp(dir=folder, prefix="sql-client-", suffix=".sql")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("".join(f"{statement};\n" for statement in statements))
        yield name
    finally:
        Path(name).unlink()
