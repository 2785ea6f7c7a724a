from __future__ import annotations

import json
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
