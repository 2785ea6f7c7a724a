from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from flink_jobs import plans
from tidemark.settings import load


def scan(number: int, table: str, fields: str = "price") -> dict[str, Any]:
    name = f"`default_catalog`.`default_database`.`{table}`"
    return {
        "id": number,
        "type": "stream-exec-table-source-scan_1",
        "scanTableSource": {"table": {"identifier": name}},
        "description": f"TableSourceScan(table=[[{table}]], fields=[{fields}])",
    }


def step(number: int, kind: str, description: str) -> dict[str, Any]:
    return {"id": number, "type": f"stream-exec-{kind}_1", "description": description}


def plan(*nodes: dict[str, Any], edges: tuple[tuple[int, int], ...] = ()) -> str:
    found = [{"source": source, "target": target} for source, target in edges]
    return plans.named_by_content(json.dumps({"flinkVersion": "2.2", "nodes": nodes, "edges": found}))


def ids(text: str) -> dict[str, int]:
    return {node["description"]: node["id"] for node in json.loads(text)["nodes"]}


WINDOW = "WindowAggregate(window=[TUMBLE(1 min)])"


def test_ids_do_not_hang_on_when_and_beside_what_a_step_was_planned() -> None:
    alone = plan(scan(1, "trades"), step(2, "window-aggregate", WINDOW), edges=((1, 2),))
    beside = plan(
        scan(60, "news"), step(61, "calc", "Calc()"), scan(70, "trades"), step(71, "window-aggregate", WINDOW)
    )
    assert ids(alone).items() <= ids(beside).items()
    edge = json.loads(alone)["edges"][0]
    assert (edge["source"], edge["target"]) == tuple(ids(alone).values())


def test_steps_that_do_the_same_have_ids_of_their_own() -> None:
    twins = plan(step(1, "match", "Match()"), step(2, "match", "Match()"))
    assert len({node["id"] for node in json.loads(twins)["nodes"]}) == 2


def test_tables_of_one_name_in_two_schemas_are_two() -> None:
    def sink(number: int, schema: str) -> dict[str, Any]:
        table = {"identifier": f"`lake`.`{schema}`.`trades`"}
        node = step(number, "sink", f"Sink(table=[[lake, {schema}, trades]])")
        return {**node, "dynamicTableSink": {"table": table}}

    both = plan(sink(1, "enriched"), sink(2, "raw"))
    assert ids(plan(sink(1, "raw"))).items() <= ids(both).items()
    assert plans.lost(both, plan(sink(1, "raw"))) == ["lake.enriched.trades"]


@pytest.mark.parametrize(
    ("new", "lost"),
    [
        ((scan(5, "trades", "price, side"), step(2, "window-aggregate", WINDOW)), []),
        ((scan(5, "trades"), step(6, "calc", "Calc(x > 2)"), step(2, "window-aggregate", WINDOW)), []),
        ((scan(5, "trades"),), [WINDOW]),
        ((step(2, "window-aggregate", WINDOW),), ["trades"]),
        ((scan(5, "trades"), step(2, "window-aggregate", "WindowAggregate(window=[TUMBLE(5 min)])")), [WINDOW]),
    ],
    ids=["a field more", "another filter", "a step less", "a source less", "another window"],
)
def test_what_state_a_change_loses(new: tuple[dict[str, Any], ...], lost: list[str]) -> None:
    old = plan(scan(1, "trades"), step(3, "calc", "Calc(x > 1)"), step(2, "window-aggregate", WINDOW))
    assert plans.lost(old, plan(*new)) == lost


def test_a_plan_is_kept(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path)
    assert plans.read(settings, "enrich") is None
    plans.write(settings, "enrich", plans.Plan("digest", "{}"))
    assert plans.read(settings, "enrich") == plans.Plan("digest", "{}")
    assert plans.read(settings, "ingest") is None


TABLE = "CREATE TABLE trades (price DOUBLE) WITH ({})"


@pytest.mark.parametrize(
    "place", ["'topic' = 'another'", "'url' = 'jdbc:x'", "'password' = 'it''s'", "'properties.group.id' = 'g'"]
)
def test_a_plan_is_known_by_its_sql_not_by_where_things_are(place: str) -> None:
    same = plans.digest([TABLE.format("'topic' = 'trades'")], {})
    assert plans.digest([TABLE.format(place)], {"rest.port": "8081"}) == same


@pytest.mark.parametrize(
    ("statement", "options"),
    [
        (TABLE.format("'topic' = 'trades', 'scan.watermark.idle-timeout' = '5s'"), {}),
        (TABLE.format("'topic' = 'trades'").replace("DOUBLE", "STRING"), {}),
        (TABLE.format("'topic' = 'trades'"), {"table.optimizer.agg-phase-strategy": "ONE_PHASE"}),
    ],
    ids=["an option that is in the plan", "a column", "an option of the planner"],
)
def test_what_makes_another_plan(statement: str, options: dict[str, str]) -> None:
    assert plans.digest([statement], options) != plans.digest([TABLE.format("'topic' = 'trades'")], {})


def test_plans_once_made_are_found_again_the_newest_of_them(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path)
    assert plans.made(settings, "0") is None
    made = [plans.Plan(str(number), "{}") for number in range(40)]
    for number, plan in enumerate(made):
        plans.keep_made(settings, plan)
        (file,) = (tmp_path / "flink" / "plans" / "made").glob(f"*-{number}.json")
        os.utime(file, (number, number))
    plans.keep_made(settings, plans.Plan("40", "{}"))
    assert [number for number in range(41) if plans.made(settings, str(number))] == [*range(11, 41)]
    assert plans.read(settings, "0") is None


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "flink").write_text("a file where a folder should be")
    plans.keep_made(load(data_dir=tmp_path), plans.Plan("digest", "{}"))
