"""The contract of every topic, read from schemas/*.avsc: field types, and bounds as extra attributes of a
field.

An Avro schema says which fields there are and of what type; the attributes ``minimum``, ``exclusiveMinimum``,
``maximum`` and ``pattern`` (as in JSON Schema, a pattern spanning the whole text) say what is plausible.
Nothing else defines them.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from math import isfinite
from typing import Any

import orjson

from tidemark.paths import SCHEMAS
from tidemark.settings import Limits

Check = Callable[[Any], None]

_INTEGER_BITS = {"int": 31, "long": 63}
_MAX_FUTURE = Limits().max_future


class ContractError(Exception):
    """A value breaks its topic's contract: ``code`` is stable, ``detail`` names the field and what was
    expected.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@cache
def _schema(topic: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{topic}.avsc").read_text(encoding="utf-8"))
    return schema


@cache
def fields(topic: str) -> tuple[str, ...]:
    """Return the field names of ``topic`` in the schema's order."""
    return tuple(field["name"] for field in _schema(topic)["fields"])


def key(topic: str) -> str:
    """Return the field by which the messages of ``topic`` are partitioned. Raises KeyError where there is none."""
    name: str = _schema(topic)["key"]
    return name


def bound(topic: str, field: str, name: str) -> Any:
    """Return the bound ``name`` (``maximum``, ``pattern`` …) of a field; nested ones as ``sentiment.score``.

    Raises KeyError where the topic's schema has no such field or the field no such bound.
    """
    record = _schema(topic)
    *parents, last = field.split(".")
    for parent in parents:
        record = _field(record, parent)["type"]
    return _field(record, last)[name]


def field(topic: str, name: str) -> dict[str, Any]:
    """Return a field of ``topic`` as its schema has it. Raises KeyError where there is none."""
    return _field(_schema(topic), name)


def doc(topic: str) -> str:
    """Return what the schema of ``topic`` says it is for, and in which topic and by which key it is."""
    text: str = _schema(topic)["doc"]
    return text


def _field(record: dict[str, Any], name: str) -> dict[str, Any]:
    fields_of: dict[str, dict[str, Any]] = {field["name"]: field for field in record["fields"]}
    return fields_of[name]


def check(topic: str, value: Any, max_future: timedelta = _MAX_FUTURE) -> None:
    """Return if ``value`` keeps the contract of ``topic``, with its event time at most ``max_future`` ahead
    of now.

    Raises ContractError with code ``invalid_field`` (missing, unknown, wrong type or form), ``out_of_range``
    (a bound) or ``time_out_of_range`` (a time before the schema's minimum or too far in the future).
    """
    _checker(topic)(value)
    ahead = value["event_time"] / 1000 - time.time()
    if ahead > max_future.total_seconds():
        raise ContractError("time_out_of_range", f"event_time: {value['event_time']} is {ahead:.0f} s in the future")


def encode(value: Any) -> bytes:
    """Return ``value`` as it goes over the wire: compact JSON in UTF-8, keys in the order they have in
    ``value``.

    Raises TypeError for what JSON in UTF-8 cannot carry.
    """
    return orjson.dumps(value)


@cache
def _checker(topic: str) -> Check:
    return _record(_schema(topic), "")


def _record(schema: dict[str, Any], path: str) -> Check:
    prefix = f"{path}." if path else ""
    checks = [(field["name"], _compile(field["type"], field, prefix + field["name"])) for field in schema["fields"]]
    names = {name for name, _ in checks}

    def check_record(value: Any) -> None:
        if type(value) is not dict:
            raise _invalid(path or "message", "an object", value)
        if value.keys() != names:
            for name in names - value.keys():
                raise ContractError("invalid_field", f"{prefix}{name}: missing")
            unknown = sorted(map(str, value.keys() - names))[0]
            raise ContractError("invalid_field", f"{prefix}{unknown[:80]}: not a field of this topic")
        for name, check_field in checks:
            check_field(value[name])

    return check_record


def _compile(kind: Any, field: dict[str, Any], path: str) -> Check:
    if isinstance(kind, list):
        (inner,) = [member for member in kind if member != "null"]
        check_inner = _compile(inner, field, path)

        def check_optional(value: Any) -> None:
            if value is not None:
                check_inner(value)

        return check_optional
    if isinstance(kind, dict):
        if kind["type"] == "record":
            return _record(kind, path)
        return _array(_compile(kind["items"], {}, f"{path}[]"), path)
    if kind == "double":
        return _double(field, path)
    if kind == "string":
        return _string(field.get("pattern"), path)
    return _integer(_INTEGER_BITS[kind], field, path)


def _array(check_item: Check, path: str) -> Check:
    def check_array(value: Any) -> None:
        if type(value) is not list:
            raise _invalid(path, "a list", value)
        for item in value:
            check_item(item)

    return check_array


def _double(field: dict[str, Any], path: str) -> Check:
    above = field.get("exclusiveMinimum", float("-inf"))
    low = field.get("minimum", float("-inf"))
    high = field.get("maximum", float("inf"))

    def check_double(value: Any) -> None:
        kind = type(value)
        if kind is not float and kind is not int:
            raise _invalid(path, "a number", value)
        if kind is float and not isfinite(value):
            raise _invalid(path, "a finite number", value)
        if not above < value or not low <= value <= high:
            raise _beyond(field, path, value)

    return check_double


def _integer(bits: int, field: dict[str, Any], path: str) -> Check:
    low = field.get("minimum", -(2**bits))
    high = field.get("maximum", 2**bits - 1)

    def check_integer(value: Any) -> None:
        if type(value) is not int:
            raise _invalid(path, "an integer", value)
        if not low <= value <= high:
            raise _beyond(field, path, value)

    return check_integer


def _string(pattern: str | None, path: str) -> Check:
    matches = re.compile(pattern).fullmatch if pattern else None

    def check_string(value: Any) -> None:
        if type(value) is not str:
            raise _invalid(path, "a text", value)
        if matches is not None and not matches(value):
            raise _invalid(path, f"a text like {pattern}", value)
        # PostgreSQL stores no NUL, and a lone surrogate has no UTF-8.
        if "\0" in value or not (value.isascii() or _encodable(value)):
            raise _invalid(path, "a text without NUL and lone surrogates", value)

    return check_string


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _invalid(path: str, expected: str, value: Any) -> ContractError:
    return ContractError("invalid_field", f"{path}: expected {expected}, got {ascii(value)[:80]}")


def _beyond(field: dict[str, Any], path: str, value: Any) -> ContractError:
    code = "time_out_of_range" if path.endswith("_time") else "out_of_range"
    signs = {"exclusiveMinimum": ">", "minimum": ">=", "maximum": "<="}
    expected = " and ".join(f"{sign} {field[name]}" for name, sign in signs.items() if name in field)
    return ContractError(code, f"{path}: expected {expected or 'a 64-bit integer'}, got {str(value)[:80]}")
