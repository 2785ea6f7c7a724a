"""Compiled plans: what a job keeps state of, and whether a changed job can go on from the state of the one before.

Flink's compiled plan (its documentation, "COMPILE PLAN") is a JSON object of ``nodes`` (id, type, description …) and
``edges`` (source and target id). The id of a node names its state in a savepoint, but Flink merely counts the nodes;
here it comes from what the node does, so that a step that did not change keeps its state whatever is added beside it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tidemark.settings import Settings

# Steps that keep nothing between two messages; all others are taken to keep state.
_STATELESS = ("calc", "exchange", "union", "correlate", "local-window-aggregate", "expand", "values", "lookup-join")
_SHOWN = 100  # characters of a step's description
# Options that say where things are and as whom they are reached: of a table, a plan holds only the name, so they may
# change without it. Others may be in it, as what a silent partition is.
_PLACES = re.compile(
    r"'(?:properties\.[^']*|url|uri|jdbc\.[^']*|username|password|warehouse|topic|table-name"
    r"|sink\.transactional-id-prefix)' = '(?:[^']|'')*'"
)
_KEPT_PLANS = 30


@dataclass(frozen=True)
class Plan:
    """A job as Flink planned it: ``sql``, the `digest` of what it was made from, and ``json``."""

    sql: str
    json: str


def digest(statements: Iterable[str], options: Mapping[str, str]) -> str:
    """Return the SHA-256 (hex) of what a plan is made from: SQL without places and passwords, the planner's options."""
    planner = sorted((name, value) for name, value in options.items() if name.startswith("table."))
    parts = [*(_PLACES.sub("", text) for text in statements), *map("=".join, planner)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def named_by_content(text: str) -> str:
    """Return the plan with the id of each node made of what it does: of a source or sink its table, else its type and
    description; of nodes that do the same, also their number in the plan's order.
    """
    plan = json.loads(text)
    seen: Counter[str] = Counter()
    ids: dict[int, int] = {}
    for node in plan["nodes"]:
        identity = f"{_kind(node)} {_table(node) or node['description']}"
        seen[identity] += 1
        digest = hashlib.sha256(f"{identity} {seen[identity]}".encode()).digest()
        ids[node["id"]] = int.from_bytes(digest[:4], "big") >> 1  # Flink's ids are signed 32-bit integers
    if len({*ids.values()}) < len(ids):  # one chance in a million for a plan of 60 nodes
        raise AssertionError("two steps of the plan have the same id")
    for node in plan["nodes"]:
        node["id"] = ids[node["id"]]
    for edge in plan["edges"]:
        edge["source"], edge["target"] = ids[edge["source"]], ids[edge["target"]]
    return json.dumps(plan)


def lost(old: str, new: str) -> list[str]:
    """Return the steps, as a reader knows them, of the plan ``old`` whose state has no place in ``new``."""
    kept = {node["id"] for node in json.loads(new)["nodes"]}
    return [
        _table(node) or str(node["description"])[:_SHOWN]
        for node in json.loads(old)["nodes"]
        if _kind(node) not in _STATELESS and node["id"] not in kept
    ]


def made(settings: Settings, sql: str) -> Plan | None:
    """Return what this Flink once made of what has the digest ``sql``: planning takes longer than all else."""
    return _read(_made(settings, sql))


def keep_made(settings: Settings, plan: Plan) -> None:
    """Keep ``plan`` for `made`, and the newest of the others. Where that cannot be written, planning is done again."""
    file = _made(settings, plan.sql)
    with suppress(OSError):
        _write(file, plan)
        newest = sorted(file.parent.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest[_KEPT_PLANS:]:
            old.unlink(missing_ok=True)


def read(settings: Settings, job: str) -> Plan | None:
    """Return the plan with which ``job`` was last started from here."""
    return _read(_folder(settings) / f"{job}.json")


def write(settings: Settings, job: str, plan: Plan) -> None:
    """Keep ``plan`` as the one that wrote the snapshots of ``job`` from now on."""
    _write(_folder(settings) / f"{job}.json", plan)


def _read(file: Path) -> Plan | None:
    try:
        return Plan(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None


def _write(file: Path, plan: Plan) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(asdict(plan)) + "\n")
    new.replace(file)


def _kind(node: dict[str, Any]) -> str:
    # stream-exec-over-aggregate_1: over-aggregate, in the first version of its state
    return str(node["type"]).removeprefix("stream-exec-").rpartition("_")[0]


def _table(node: dict[str, Any]) -> str:
    """Return the table that a source or sink stands for, with catalog and database where these are not Flink's own."""
    end = node.get("scanTableSource") or node.get("dynamicTableSink")
    identifier = str(end["table"]["identifier"]).replace("`", "") if end else ""
    return identifier.removeprefix("default_catalog.default_database.")


def _made(settings: Settings, sql: str) -> Path:
    return _folder(settings) / "made" / f"{version('apache-flink')}-{sql}.json"


def _folder(settings: Settings) -> Path:
    return settings.data_dir / "flink" / "plans"
