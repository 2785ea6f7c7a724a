"""The documents are complete and true: whatever a user can set, call or read is in them as it is in the code."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from configparser import RawConfigParser
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel

from flink_jobs.sql_files import JOBS
from flink_jobs.variables import variables
from producers import contract, sources
from stack.cli import app
from tidemark.durations import format_duration
from tidemark.paths import FLINK_JOBS, FLINK_SQL, POSTGRES_SQL, ROOT, SCHEMAS
from tidemark.settings import Settings, Topics, load

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

README = (ROOT / "README.md").read_text(encoding="utf-8")
DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ROOT_COMMAND: Any = typer.main.get_command(app)


def section(title: str) -> str:
    """Return what the README says below the heading ``title``, up to the next heading of its level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"README has no section {title}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row of ``text``, without the rows' heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if not line.startswith("| ---")]


def leaves(model: BaseModel, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the default of every setting."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{path}{name}.")
        else:
            yield path + name, value


def shown(value: Any) -> str:
    """Return a default as the README writes it."""
    if value is None:
        return "unset"
    if isinstance(value, timedelta):
        text = format_duration(value)
    elif isinstance(value, Path):
        text = value.relative_to(ROOT).as_posix()
    elif isinstance(value, (list, dict)):
        names = (format_duration(name) if isinstance(name, timedelta) else name for name in value)
        text = ", ".join(names)
        if not text:
            return "none"
    else:
        text = str(value)
    return f"`{text}`"


def commands(command: Any = ROOT_COMMAND, path: str = "tidemark") -> Iterator[tuple[str, Any]]:
    """Yield the words and the click command of every command."""
    for name, sub in getattr(command, "commands", {}).items():
        if getattr(sub, "commands", None):
            yield from commands(sub, f"{path} {name}")
        if not getattr(sub, "commands", None) or sub.invoke_without_command:
            yield f"{path} {name}", sub


def examples() -> list[str]:
    """Return every line of the documents' shell examples that calls `tidemark`."""
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    blocks = [block for text in texts for block in re.findall(r"(?ms)^ *```sh\n(.*?)^ *```", text)]
    lines = [line.strip().removeprefix(".venv/bin/") for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("tidemark ")]


def test_every_setting_is_in_the_table_with_its_default() -> None:
    documented = {row[0].strip("`"): row[1] for row in rows(section("Settings"))[1:]}

    assert documented == {name: shown(value) for name, value in leaves(load())}


def test_every_setting_has_a_meaning() -> None:
    assert [row[0] for row in rows(section("Settings")) if len(row) != 3 or not row[2]] == []


@pytest.mark.parametrize(("words", "command"), list(commands()))
def test_every_command_is_in_the_table_with_its_options(words: str, command: Any) -> None:
    about = [row[1] for row in rows(section("Commands")) if re.match(rf"`{words}(`| [A-Z\[…])", row[0])]
    options = {max(option.opts, key=len) for option in command.params if option.param_type_name == "option"}

    assert len(about) == 1
    assert sorted(option for option in options - {"--help"} if option not in about[0]) == []


def test_the_table_has_no_other_commands() -> None:
    known = {words for words, _ in commands()}
    named = {re.sub(r" (\[|[A-Z…]).*", "", row[0].strip("`")) for row in rows(section("Commands"))[1:]}

    assert named == known


@pytest.mark.parametrize("line", examples())
def test_every_example_is_understood(line: str) -> None:
    """By the very parser of the command; nothing is run."""
    words = shlex.split(line, comments=True)[1:]
    command, context = ROOT_COMMAND, ROOT_COMMAND.make_context("tidemark", list(words), resilient_parsing=True)
    while getattr(command, "commands", None) and words and not words[0].startswith("-"):
        name = words.pop(0)
        command = command.commands[name]
        if not getattr(command, "commands", None) or not words or words[0].startswith("-"):
            context = command.make_context(name, words, parent=context)


def test_every_make_target_is_listed_by_make() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony

    assert set(phony[1].split()) == set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))


def test_every_make_command_in_the_documents_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    called = {name for text in texts for name in re.findall(r"(?:`|^ *)make ([a-z-]+)", text, re.MULTILINE)}

    assert {"demo", "test"} <= called <= targets


def test_every_source_topic_and_job_is_in_its_table() -> None:
    assert {row[0].strip("`") for row in rows(section("Sources"))[1:]} == {*sources.NAMES, "simulator"}
    assert {row[0].strip("`") for row in rows(section("Topics"))[1:]} == set(Topics().model_dump().values())
    assert [row[0].strip("`") for row in rows(section("Jobs"))[1:]] == list(JOBS)


def test_every_table_is_listed_with_its_key() -> None:
    migrations = "".join(path.read_text(encoding="utf-8") for path in sorted(POSTGRES_SQL.glob("[0-9]*.sql")))
    keys = {
        name: (re.search(r"PRIMARY KEY \((.*)\)", body) or re.search(r"^ *(\w+) .*PRIMARY KEY", body, re.MULTILINE))
        for name, body in re.findall(r"^CREATE TABLE (\w+) \((.*?)^\)", migrations, re.MULTILINE | re.DOTALL)
    }

    assert {row[0].strip("`"): row[2] for row in rows(section("Tables"))[1:]} == {
        name: key[1] for name, key in keys.items() if key
    }


def test_every_code_of_a_dead_letter_is_listed() -> None:
    codes = contract.bound("dead_letters", "error", "pattern").strip("^()$").split("|")

    assert [code for code in codes if f"`{code}`" not in section("Topics")] == []


def test_every_job_has_an_entry_script_that_the_readme_runs() -> None:
    assert [job for job in JOBS if not (FLINK_JOBS / f"{job}.py").exists()] == []
    assert [job for job in JOBS if f"flink run -d -py flink_jobs/{job}.py" not in README] == []


def test_every_topic_has_a_contract_with_a_text_per_field() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.avsc")} == set(Topics.model_fields)
    silent = [
        f"{topic}.{name}"
        for topic in Topics.model_fields
        for name in contract.fields(topic)
        if not isinstance((field := contract.field(topic, name))["type"], dict) and not field.get("doc")
    ]
    assert silent == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    files = [target.partition("#")[0] for target in targets if "://" not in target]

    assert [file for file in files if file and not (document.parent / file).exists()] == []


def test_every_decision_is_in_the_index_once() -> None:
    files = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")

    assert [name[:4] for name in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    assert re.findall(r"\((\d{4}-[a-z0-9-]+\.md)\)", index) == files


@pytest.mark.parametrize("path", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_every_decision_says_context_decision_consequences_and_alternatives(path: Path) -> None:
    headings = re.findall(r"^## (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)

    assert headings == ["Context", "Decision", "Consequences", "Alternatives"]


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
    reasons = (DECISIONS / "0007-libraries.md").read_text(encoding="utf-8")
    named = {name for row in rows(reasons) for name in re.findall(r"`([^`]+)`", row[0])}

    assert {re.split(r"[^A-Za-z0-9-]", dependency)[0] for dependency in wanted} == named


def test_sqlfluff_knows_no_variable_that_the_sql_does_not() -> None:
    config = RawConfigParser()
    config.read(FLINK_SQL / ".sqlfluff", encoding="utf-8")
    known = variables(load(postgres={"host": "localhost", "writer_password": "any"}), "ingest")

    assert {name.upper() for name in config["sqlfluff:templater:placeholder"]} <= set(known)


def test_settings_are_read_from_where_the_readme_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.search(r"```toml\n(.*?)```", section("Settings"), re.DOTALL)
    assert example
    (tmp_path / "tidemark.toml").write_text(example[1], encoding="utf-8")
    monkeypatch.setenv("TIDEMARK_CONFIG", str(tmp_path / "tidemark.toml"))
    assert load().alerts.spike_pct == 1.5

    monkeypatch.setenv("TIDEMARK_ALERTS__SPIKE_PCT", "2.5")
    monkeypatch.setenv("TIDEMARK_BINANCE__PAIRS", '["BTC/USDT"]')
    settings: Settings = load()
    assert settings.alerts.spike_pct == 2.5
    assert settings.binance.pairs == ["BTC/USDT"]
