"""The schemas in producers/schemas are the only definition of a message: tables, simulator and documents agree."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flink_jobs.variables import INPUTS
from producers import contract
from producers.market import Market, MarketConfig
from tests.unit.test_docs import rows, section
from tidemark.paths import FLINK_SQL, POSTGRES_SQL, ROOT, SCHEMAS
from tidemark.settings import Topics

TOPICS = sorted(path.stem for path in SCHEMAS.glob("*.avsc"))
FLINK = {"string": "STRING", "double": "DOUBLE", "long": "BIGINT", "int": "INT"}
POSTGRES = {"string": "text", "double": "double precision", "long": "bigint", "int": "integer"}
STORED_IN = {
    "trades": "trade_data",
    "tickers": "ticker_data",
    "articles": "article_data",
    "prices": "price_data",
    "market_sentiment": "market_sentiment_data",
    "macro": "macro_data",
}
# Of the heartbeats there are two tables, with other times.
TABLES = {"heartbeats": "trade_heartbeats"}
# Columns that are not named, or not typed, as the field is.
RENAMED = {"alerts": {"price": "last_price", "change_pct": "change_percent"}}
RETYPED = {("articles", "cryptocurrencies_mentioned"): "text", ("macro", "date"): "date"}


def kind(field: dict[str, Any]) -> Any:
    """Return the Avro type of a field without its null, if it may be null."""
    if isinstance(field["type"], list):
        (found,) = (member for member in field["type"] if member != "null")
        return found
    return field["type"]


def flink_type(avro: Any) -> str:
    """Return the type of Flink that an Avro type is read as."""
    if isinstance(avro, str):
        return FLINK[avro]
    if avro["type"] == "array":
        return f"ARRAY<{flink_type(avro['items'])}>"
    fields = ", ".join(f"{field['name']} {flink_type(kind(field))}" for field in avro["fields"])
    return f"ROW<{fields}>"


def flink_columns(topic: str) -> dict[str, str]:
    """Return the physical columns of the Flink table over ``topic`` with their types, in order."""
    statement = (FLINK_SQL / "tables" / f"{TABLES.get(topic, topic)}.sql").read_text(encoding="utf-8")
    body = statement[statement.index("(\n") + 2 : statement.index("\n) WITH")]
    lines = [line for line in body.splitlines() if re.match(r"    [`\w]", line) and " METADATA " not in line]
    found = [re.fullmatch(r"    `?(\w+)`? ((?:ROW|ARRAY)<.+>|[A-Z]+),?", line) for line in lines]
    return {match[1]: match[2] for match in found if match}


def expected_row(topic: str) -> dict[str, tuple[str, bool]]:
    """Return the columns that a stored message of ``topic`` fills: their type and whether they may be null."""
    columns: dict[str, tuple[str, bool]] = {}
    for name in contract.fields(topic):
        field = contract.field(topic, name)
        optional = isinstance(field["type"], list)
        avro = kind(field)
        if isinstance(avro, dict) and avro["type"] == "record":
            columns |= {f"{name}_{inner['name']}": (POSTGRES[kind(inner)], False) for inner in avro["fields"]}
        elif name.endswith(("_time", "_at")):
            columns[name] = ("timestamptz(3)", optional)
        else:
            column = RENAMED.get(topic, {}).get(name, name)
            columns[column] = (RETYPED.get((topic, name)) or POSTGRES[avro], optional)
    return columns


@pytest.mark.parametrize("topic", TOPICS)
def test_the_flink_table_over_a_topic_has_its_fields_in_order(topic: str) -> None:
    expected = {name: flink_type(kind(contract.field(topic, name))) for name in contract.fields(topic)}
    assert list(flink_columns(topic).items()) == list(expected.items())


@pytest.mark.parametrize("topic", INPUTS)
def test_every_field_that_is_checked_is_one_of_the_contract_and_the_other_way_round(topic: str) -> None:
    (view,) = (FLINK_SQL / "views").glob(f"1[0-9]_{topic}_checked.sql")
    checked = set(re.findall(r"THEN '\w+: ([\w.]+)'", view.read_text(encoding="utf-8")))
    fields = set()
    for name in contract.fields(topic):
        avro = kind(contract.field(topic, name))
        inner = avro["fields"] if isinstance(avro, dict) and avro["type"] == "record" else None
        fields |= {f"{name}.{field['name']}" for field in inner} if inner else {name}
    assert checked == fields


def test_the_times_of_all_topics_begin_where_their_tables_say() -> None:
    """One variable, EARLIEST_EVENT_TIME, stands for the bound of all but the economic series."""
    for topic in TOPICS:
        table = (FLINK_SQL / "tables" / f"{TABLES.get(topic, topic)}.sql").read_text(encoding="utf-8")
        begin = re.search(r"event_time >= \$\{(\w+)\}", table)
        if begin is None:  # nothing is done with the times of what the jobs themselves write
            assert topic in ("alerts", "dead_letters")
            continue
        source = "macro" if begin[1] == "MACRO_EVENT_TIME_MINIMUM" else "trades"
        for name in contract.fields(topic):
            if name.endswith("_time"):
                assert contract.bound(topic, name, "minimum") == contract.bound(source, "event_time", "minimum")


@pytest.mark.parametrize(("topic", "table"), [*STORED_IN.items(), ("alerts", "alert_data")])
def test_the_table_of_a_topic_has_a_column_for_every_field(topic: str, table: str) -> None:
    migrations = "".join(path.read_text(encoding="utf-8") for path in sorted(POSTGRES_SQL.glob("[0-9]*.sql")))
    body = re.search(rf"^CREATE TABLE {table} \((.*?)\n\);", migrations, re.MULTILINE | re.DOTALL)
    assert body
    lines = re.findall(
        r"^    (\w+) (text|double precision|bigint|integer|date|timestamptz\(3\))( NOT NULL| PRIMARY KEY)?,?$",
        body[1],
        re.MULTILINE,
    )
    lines += [
        (*column, "")
        for column in re.findall(rf"^ALTER TABLE {table} ADD COLUMN (\w+) (\S+);$", migrations, re.MULTILINE)
    ]
    found = {name: (column_type, not required) for name, column_type, required in lines}
    expected = expected_row(topic)
    assert {name: found.get(name) for name in expected} == expected


def test_every_input_topic_is_stored() -> None:
    assert tuple(STORED_IN) == INPUTS


def test_settings_documents_and_schemas_name_the_same_topics_and_keys() -> None:
    names = Topics().model_dump()
    assert sorted(names) == TOPICS
    documented = {row[0].strip("`"): row[1] for row in rows(section("Topics"))[1:]}
    assert set(documented) == set(names.values())
    for topic, name in names.items():
        doc = re.search(r"Topic `([\w-]+)`\.$", contract.doc(topic))
        assert doc, topic
        key = "–" if topic == "dead_letters" else contract.key(topic)
        assert (doc[1], key) == (name, documented[name])


def test_the_way_of_a_message_names_every_input_topic() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    typed = re.search(r"as typed JSON \(([^)]*)\)", text)
    assert typed
    assert re.findall(r"`(\w+)`", typed[1]) == list(INPUTS)


def test_the_simulator_writes_the_fields_in_order() -> None:
    for message in Market(MarketConfig(1_748_736_000_000, minutes=2)).messages():
        assert tuple(message.value) == contract.fields(message.topic)
