from __future__ import annotations

import re
from pathlib import Path

import pytest

from flink_jobs import runner, sql_files
from flink_jobs.variables import variables
from tidemark.errors import UserError
from tidemark.paths import FLINK_SQL, POSTGRES_SQL
from tidemark.settings import load

FILES = sorted(FLINK_SQL.rglob("*.sql"))
STATEMENTS = [path for path in FILES if path.name != "options.sql"]
NAME = re.compile(r"\$\{(\w+)\}")
POSTGRES = {
    "text": "STRING",
    "double precision": "DOUBLE",
    "bigint": "BIGINT",
    "integer": "INT",
    "date": "DATE",
    "timestamptz(3)": "TIMESTAMP(3)",
}


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    settings = load(data_dir=tmp_path_factory.mktemp("data"), postgres={"writer_password": "secret"})
    return variables(settings, "ingest")


def short(path: Path) -> str:
    return path.relative_to(FLINK_SQL).as_posix()


@pytest.mark.parametrize("path", STATEMENTS, ids=short)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    title, *lines = path.read_text().split("\n")
    assert re.fullmatch(r"-- [A-Z][^:]+", title)
    banner = "\n".join(lines[: next(number for number, line in enumerate(lines) if not line.startswith("--"))])
    for label in ("Question:  ", "Grain:     ", "Key:       ", "Watermark: "):
        assert len(re.findall(rf"^-- {label}\S", banner, re.MULTILINE)) == 1, label


@pytest.mark.parametrize("path", FILES, ids=short)
def test_every_variable_that_is_used_is_allowed(path: Path, values: dict[str, str]) -> None:
    assert set(NAME.findall(path.read_text())) <= values.keys()


def test_every_allowed_variable_is_used(values: dict[str, str]) -> None:
    assert {name for path in FILES for name in NAME.findall(path.read_text())} == values.keys()


def test_each_file_is_one_statement_with_nothing_left_to_fill_in(values: dict[str, str]) -> None:
    files = sql_files.definitions(values)
    assert len(files) == sum(len(list(FLINK_SQL.glob(f"{kind}/*.sql"))) for kind in ("catalogs", "tables", "views"))
    for job in sql_files.JOBS:
        inserts = sql_files.inserts(job, values)
        assert inserts
        assert all(file.text.startswith("INSERT INTO ") for file in inserts)
        files += inserts
    for file in files:
        assert "${" not in file.banner + file.text, file.name
        assert not file.text.endswith(";")


def test_tables_come_before_views_and_views_after_what_they_build_on(values: dict[str, str]) -> None:
    defined: set[str] = set()
    for file in sql_files.definitions(values):
        found = re.search(r"^CREATE (CATALOG|TABLE|TEMPORARY VIEW) (\w+)", file.text, re.MULTILINE)
        assert found, file.name
        assert found[2] == re.sub(r"^\d+_", "", file.path.stem)
        kinds = {"catalogs": "CATALOG", "tables": "TABLE", "views": "TEMPORARY VIEW"}
        assert found[1] == kinds[file.path.parent.name]
        if found[1] == "TEMPORARY VIEW":
            used = set(re.findall(r"(?<!MILLISECOND )(?:FROM|JOIN|TABLE\(\w+\(TABLE) ([a-z]\w+)", file.text))
            assert used <= defined, file.name
        defined.add(found[2])


def test_over_the_lake_each_topic_is_a_view_of_the_same_name_and_columns(values: dict[str, str]) -> None:
    topics = {file.path.stem: file for file in sql_files.definitions(values, batch=True)}
    history = sql_files.definitions(values, batch=True, lake=True)
    assert {file.path.stem for file in history} == topics.keys()
    replaced = [file for file in history if file.path.parent == FLINK_SQL / "batch"]
    names = {"trades", "tickers", "articles", "prices", "market_sentiment", "macro"}
    assert {file.path.stem for file in replaced} == names | {"trade_heartbeats", "article_heartbeats"}
    for file in replaced:
        if file.path.stem in names:
            statement = topics[file.path.stem].text
            body = statement[statement.index("(\n") : statement.index("\n    WATERMARK")]
            columns = re.findall(r"^    (`?\w+`?) ", body, re.MULTILINE)
            select = file.text[: file.text.index("\nFROM")]
            given = re.findall(r"^    (?:.* AS |    |)(`?\w+`?),?$|^    \+ .* AS (\w+),$", select, re.MULTILINE)
            assert [a or b for a, b in given] == columns, file.name


def test_what_is_for_streaming_only_is_left_out_of_batch(values: dict[str, str]) -> None:
    left = {
        job: {file.path.stem for file in sql_files.inserts(job, values)}
        - {file.path.stem for file in sql_files.inserts(job, values, batch=True)}
        for job in sql_files.JOBS
    }
    assert left == {
        "ingest": {"dead_letters"},
        "enrich": set(),
        "analytics": set(),
        "alerts": {"alerts", "alert_data_begun", "alert_data_ended"},
        "quality": {"data_quality", "feed_gaps", "late_data"},
        "lake": {file.path.stem for file in sql_files.inserts("lake", values)},
    }


@pytest.mark.parametrize("lake", [False, True], ids=["topics", "lake"])
def test_what_is_left_is_there_whole_and_asks_for_nothing_that_batch_has_not(
    values: dict[str, str], lake: bool
) -> None:
    definitions = sql_files.definitions(values, batch=True, lake=lake)
    there = {sql_files.defined(file) for file in definitions}
    names = {sql_files.defined(file) for file in sql_files.definitions(values)}
    streams = re.compile(r"CURRENT_WATERMARK|PROCTIME|FOR SYSTEM_TIME|MATCH_RECOGNIZE|\bRANGE BETWEEN\b")
    for job in sql_files.JOBS:
        files = sql_files.inserts(job, values, batch=True)
        for file in (*files, *sql_files.needed(files, definitions)):
            assert set(re.findall(r"(?:FROM|JOIN|TABLE) ([a-z]\w+)", file.text)) & names <= there, file.name
            assert not streams.search(file.text), file.name


def test_a_range_can_be_given_to_all_that_batch_writes(values: dict[str, str]) -> None:
    tables = {sql_files.defined(file): file.text for file in sql_files.definitions(values, batch=True)}
    found = {}
    for job in ("ingest", "enrich", "analytics"):
        for file in sql_files.inserts(job, values, batch=True):
            sink = file.text.split()[2]
            types = dict(re.findall(r"^    `?(\w+)`? ([A-Z]+)", tables[sink], re.MULTILINE))
            keys = re.findall(r"PRIMARY KEY \((.+)\) NOT ENFORCED", tables[sink])
            found[sink] = runner.range_column(sink, types, re.findall(r"\w+", keys[0]))
    assert found["candles"] == found["sentiment_data"] == "window_start"
    assert found["prediction_score"] == found["price_stats"] == found["ranking_24h"] == "window_end"
    assert (found["volume_daily"], found["price_hourly"]) == ("day_start", "hour_start")
    assert (found["enriched_trades"], found["news_impact"]) == ("trade_time", "news_time")
    assert found["article_data"] == found["macro_data"] == "event_time"  # whose keys have none


def test_every_table_of_the_lake_is_written_with_as_many_columns_as_it_has(values: dict[str, str]) -> None:
    written = {file.path.stem: file.text for file in sql_files.inserts("lake", values)}
    described = {file.path.stem: file.text for file in sql_files.lake_tables()}
    assert len(described) == 7
    sinks = {text.split("\n", 1)[0].removeprefix("INSERT INTO ") for text in written.values()}
    assert sinks == {text.split(" ", 3)[2] for text in described.values()}


def test_batch_has_what_is_not_for_streaming_only_and_its_own_views(values: dict[str, str]) -> None:
    files = {file.path.stem: file for file in sql_files.definitions(values, batch=True)}
    own = list((FLINK_SQL / "views" / "batch").glob("*.sql"))
    assert own
    for path in own:
        assert files[path.stem].path == path
        assert (FLINK_SQL / "views" / path.name).exists()
    names = {re.sub(r"^\d+_", "", path.stem) for path in FLINK_SQL.rglob("*.sql") if path.parent.name != "jobs"}
    there = {re.sub(r"^\d+_", "", stem) for stem in files}
    for file in files.values():
        assert set(re.findall(r"(?:FROM|JOIN|TABLE) ([a-z]\w+)", file.text)) & names <= there, file.name


def test_a_job_gets_the_definitions_it_needs_and_no_others(values: dict[str, str]) -> None:
    definitions = sql_files.definitions(values)
    found = {file.path.stem for file in sql_files.needed(sql_files.inserts("analytics", values), definitions)}
    assert {"trades", "candles", "40_bars", "20_trades_valid", "10_trades_checked", "30_mentions"} <= found
    assert found.isdisjoint({"alerts", "55_trade_events", "tickers", "dead_letters"})


def test_options_of_a_job(values: dict[str, str]) -> None:
    assert sql_files.job_options("ingest", values) == {"table.exec.state.ttl": "604800000 ms"}
    assert sql_files.job_options("alerts", values) == {
        "execution.checkpointing.interval": "500ms",
        "execution.buffer-timeout.interval": "10 ms",
        "table.optimizer.agg-phase-strategy": "ONE_PHASE",
        "table.optimizer.reuse-sink-enabled": "false",
        "task.cancellation.timeout": "0 ms",
    }
    assert sql_files.job_options("enrich", values) == {}


def test_a_job_that_is_not_there_is_named_with_those_that_are(values: dict[str, str]) -> None:
    with pytest.raises(UserError, match="no job 'ingset'") as caught:
        sql_files.inserts("ingset", values)
    assert "ingest" in caught.value.hint


def test_rendering_replaces_each_variable_and_nothing_else() -> None:
    assert sql_files.render("${A} $A {A} $${A} ${A}${B}", {"A": "1", "B": "${A}"}, "x") == "1 $A {A} $1 1${A}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a job ingest with no files."""
    monkeypatch.setattr(sql_files, "ROOT", tmp_path)
    monkeypatch.setattr(sql_files, "FLINK_SQL", tmp_path / "sql" / "flink")
    job = tmp_path / "sql" / "flink" / "jobs" / "ingest"
    job.mkdir(parents=True)
    return job


@pytest.mark.parametrize(("text", "line"), [("-- a\n-- b\n\nSELECT\n  ${NO}\n", 5), ("-- ${NO}\nSELECT 1\n", 1)])
def test_an_unknown_variable_is_named_with_file_and_line(folder: Path, text: str, line: int) -> None:
    (folder / "wrong.sql").write_text(text)
    with pytest.raises(UserError) as caught:
        sql_files.inserts("ingest", {"YES": "1"})
    assert str(caught.value) == f"sql/flink/jobs/ingest/wrong.sql, line {line}: ${{NO}} is not a known variable."


def test_a_file_without_a_banner_is_refused(folder: Path) -> None:
    (folder / "bare.sql").write_text("SELECT 1;\n")
    with pytest.raises(UserError, match=r"sql/flink/jobs/ingest/bare\.sql has no banner"):
        sql_files.inserts("ingest", {})


def columns(statement: str) -> dict[str, str]:
    """Return the physical columns of a CREATE TABLE of Flink with their types."""
    body = statement[statement.index("(\n") + 2 : statement.index("\n) WITH")]
    found = re.findall(r"^    `?(\w+)`? ((?:ROW|ARRAY)<[^>]+>|\w+(?:\(\d+\))?)(?: NOT NULL)?,?$", body, re.MULTILINE)
    return {name: kind for name, kind in found if name != "PRIMARY"}


def test_sinks_have_the_columns_and_keys_of_their_tables_in_postgres() -> None:
    statements = "\n".join(path.read_text() for path in sorted(POSTGRES_SQL.glob("[0-9]*.sql")))
    tables = dict(re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", statements, re.DOTALL))
    for name, added in re.findall(r"ALTER TABLE (\w+) (ADD COLUMN .*?);", statements, re.DOTALL):
        tables[name] += "".join(f"\n    {column}," for column in re.findall(r"ADD COLUMN ([^,]+)", added))
    of_postgres = [path for path in (FLINK_SQL / "tables").glob("*.sql") if "${POSTGRES}" in path.read_text()]
    sinks = [path for path in of_postgres if "'lookup.cache'" not in path.read_text()]
    assert {path.stem for path in sinks} == tables.keys() - {"alert_rules"}  # what users write
    for path in sinks:
        body = tables[path.stem]
        kinds = "|".join(map(re.escape, POSTGRES))
        own = re.findall(rf"^    (\w+) ({kinds})(?! \[)", body, re.MULTILINE)
        assert columns(path.read_text()) == {name: POSTGRES[kind] for name, kind in own}
        key = re.search(r"PRIMARY KEY \(([^)]+)\)", path.read_text())
        assert key
        own_key = re.search(r"PRIMARY KEY \(([^)]+)\)|(\w+) text PRIMARY KEY", body)
        assert own_key
        assert key[1].replace("`", "") == (own_key[1] or own_key[2])
