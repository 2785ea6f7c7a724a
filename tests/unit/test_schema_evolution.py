"""A schema may change only so that old and new programs read each other's messages (docs/schemas.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import avro.compatibility
import avro.schema
import interegular
import pytest

from tidemark.paths import SCHEMAS

Schema = dict[str, Any]
RELEASED = SCHEMAS / "released"
TOPICS = sorted(path.stem for path in SCHEMAS.glob("*.avsc"))
# By which of two bounds lets more through; a field without one lets everything through.
WIDER: dict[str, Callable[[float, float], bool]] = {
    "minimum": lambda new, old: new <= old,
    "exclusiveMinimum": lambda new, old: new <= old,
    "maximum": lambda new, old: new >= old,
}


def read(folder: Any, topic: str) -> Schema:
    schema: Schema = json.loads((folder / f"{topic}.avsc").read_text(encoding="utf-8"))
    return schema


def breaks(released: Schema, current: Schema) -> list[str]:
    """Return what keeps ``current`` from taking the place of ``released``; nothing where it may.

    By Avro's rules each must read what is written with the other (FULL), and by ours every bound and form must let
    through what it let through before.
    """
    found = [
        f"{who}: {message}"
        for who, reader, writer in (
            ("the current schema does not read released messages", current, released),
            ("readers of the released schema do not read current messages", released, current),
        )
        for message in _incompatible(reader, writer)
    ]
    after = dict(_fields(current))
    for path, field in _fields(released):
        found += [f"{path}: {message}" for message in _narrowed(field, after.get(path, {}))]
    return found


def _incompatible(reader: Schema, writer: Schema) -> list[str]:
    checker: Any = avro.compatibility.ReaderWriterCompatibilityChecker  # its types are half there
    result = checker().get_compatibility(*(avro.schema.parse(json.dumps(schema)) for schema in (reader, writer)))
    if result.compatibility is avro.compatibility.SchemaCompatibilityType.compatible:
        return []
    return sorted(result.messages) or ["incompatible"]


def _fields(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    for field in schema["fields"]:
        yield prefix + field["name"], field
        if isinstance(field["type"], dict) and field["type"]["type"] == "record":
            yield from _fields(field["type"], f"{prefix}{field['name']}.")


def _narrowed(old: Schema, new: Schema) -> Iterator[str]:
    for name, is_wider in WIDER.items():
        if name in new and not (name in old and is_wider(new[name], old[name])):
            yield f"{name} {old.get(name)} became {new[name]}"
    if "pattern" in new and not ("pattern" in old and _automaton(old["pattern"]) <= _automaton(new["pattern"])):
        yield f"pattern {old.get('pattern')} became {new['pattern']}"


def _automaton(pattern: str) -> Any:
    return interegular.parse_pattern(pattern.removeprefix("^").removesuffix("$")).to_fsm()


def test_what_is_released_is_there() -> None:
    """A topic that is new since the last release has nothing to be held against; none may go."""
    assert {path.stem for path in RELEASED.glob("*.avsc")} <= set(TOPICS)


@pytest.mark.parametrize("path", sorted(RELEASED.glob("*.avsc")), ids=lambda path: path.stem)
def test_old_and_new_programs_read_each_other(path: Any) -> None:
    assert breaks(read(RELEASED, path.stem), read(SCHEMAS, path.stem)) == []


def changed(topic: str, change: Callable[[Schema], object]) -> list[str]:
    """Return what breaks where ``change`` is made to the fields (by name) of a released schema."""
    old = read(RELEASED, topic)
    new = deepcopy(old)
    fields = {field["name"]: field for field in new["fields"]}
    change(fields)
    new["fields"] = list(fields.values())
    return breaks(old, new)


@pytest.mark.parametrize(
    ("topic", "change"),
    [
        ("trades", lambda fields: fields.pop("side")),
        ("trades", lambda fields: fields["price"].update(type="string")),
        ("trades", lambda fields: fields["event_time"].update(type="int")),
        ("market_sentiment", lambda fields: fields["value"].update(type="long")),  # old readers cannot
        ("tickers", lambda fields: fields["bid"].update(type="double")),
        ("tickers", lambda fields: fields["last"].update(type=["null", "double"])),  # old readers cannot
        ("trades", lambda fields: fields.update(venue={"name": "venue", "type": "string"})),
        ("trades", lambda fields: fields.update(fee={"name": "fee", "type": ["null", "double"]})),  # no default
        ("trades", lambda fields: fields["side"].update(name="taker_side")),
        ("trades", lambda fields: fields["price"].update(maximum=1e8)),
        ("trades", lambda fields: fields["price"].update(exclusiveMinimum=0.01)),
        ("trades", lambda fields: fields["price"].update(minimum=0)),
        ("macro", lambda fields: fields["event_time"].update(minimum=0)),
        ("prices", lambda fields: fields["name"].update(pattern="^[a-z]+$")),
        ("trades", lambda fields: fields["side"].update(pattern="^(buy)$")),
        ("trades", lambda fields: fields["symbol"].update(pattern="^[A-Z0-9]{1,19}$")),
        ("articles", lambda fields: fields["sentiment"]["type"]["fields"].pop()),
        ("articles", lambda fields: fields["sentiment"]["type"]["fields"][0].update(maximum=0.9)),
        (
            "articles",
            lambda fields: fields["cryptocurrencies_mentioned"].update(type={"type": "array", "items": "int"}),
        ),
    ],
)
def test_what_would_break_readers_is_found(topic: str, change: Callable[[Schema], object]) -> None:
    assert changed(topic, change)


@pytest.mark.parametrize(
    ("topic", "change"),
    [
        ("trades", lambda fields: fields.update(fee={"name": "fee", "type": ["null", "double"], "default": None})),
        ("tickers", lambda fields: fields.pop("change_pct")),
        ("trades", lambda fields: fields["price"].update(maximum=1e10)),
        ("macro", lambda fields: fields["event_time"].update(minimum=-5e12)),
        ("macro", lambda fields: fields["value"].pop("maximum")),
        ("trades", lambda fields: fields["side"].update(pattern="^(buy|sell|unknown)$")),
        ("trades", lambda fields: fields["symbol"].update(pattern="^[A-Za-z0-9]{1,40}$")),
        ("trades", lambda fields: fields["symbol"].pop("pattern")),
        ("trades", lambda fields: fields["symbol"].update(doc="another text")),
    ],
)
def test_what_old_and_new_programs_can_live_with_passes(topic: str, change: Callable[[Schema], object]) -> None:
    assert changed(topic, change) == []


def test_a_renamed_record_is_found() -> None:
    old = read(RELEASED, "trades")
    assert breaks(old, {**old, "name": "Deal"})
