from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors import artefacts
from tidemark.errors import UserError

CONTENT = b"a jar, more or less"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of jars and a lock of one artefact; the repository serves CONTENT for it."""
    monkeypatch.setattr(artefacts, "RUNTIME", tmp_path)
    monkeypatch.setattr(artefacts, "JARS", tmp_path / "jars")
    monkeypatch.setattr(artefacts, "LOCK", tmp_path / "artefacts.lock")
    artefacts.LOCK.write_text(f"# a comment\nkafka org.example:thing:1.0 {SHA256}\n")
    serve(monkeypatch, CONTENT)
    return tmp_path / "jars" / "kafka" / "thing-1.0.jar"


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes | Exception) -> None:
    def resolve(context: Any, coordinate: str) -> Path:
        if isinstance(content, Exception):
            raise content
        path = Path(context.repo_cache) / "downloaded.jar"
        path.write_bytes(content)
        return path

    monkeypatch.setattr(artefacts, "_resolve", resolve)


def test_what_is_missing_is_fetched_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    assert artefacts.fetch(lambda done, total: seen.append((done, total))) == 1
    assert here.read_bytes() == CONTENT
    assert seen == [(1, 1)]
    serve(monkeypatch, AssertionError("nothing is to be downloaded"))
    assert artefacts.fetch() == 0


def test_a_file_that_is_not_the_pinned_one_is_never_used(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, b"something else")
    with pytest.raises(UserError, match=r"org\.example:thing:1\.0 .*SHA-256"):
        artefacts.fetch()
    assert not here.exists()


def test_a_file_changed_on_disk_is_fetched_anew(here: Path) -> None:
    artefacts.fetch()
    here.write_bytes(CONTENT[::-1])
    assert artefacts.fetch() == 1
    assert here.read_bytes() == CONTENT


@pytest.mark.parametrize("error", [requests.ConnectionError("no route"), RuntimeError("not found in repositories")])
def test_without_a_network_there_is_one_sentence(here: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    serve(monkeypatch, error)
    with pytest.raises(UserError, match=r"^org\.example:thing:1\.0 could not be downloaded") as caught:
        artefacts.fetch()
    assert "network" in caught.value.hint


def test_a_jar_of_an_earlier_lock_is_removed(here: Path) -> None:
    old = here.with_name("thing-0.9.jar")
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    artefacts.fetch()
    assert here.exists()
    assert not old.exists()


@pytest.mark.parametrize(
    "line", ["kafka org.example:thing:1.0", f"kafka org.example:thing {SHA256}", "kafka a:b:1 abc"]
)
def test_a_damaged_lock_is_refused(line: str) -> None:
    with pytest.raises(UserError, match="line 2"):
        artefacts.read_lock(f"# comment\n{line}\n")


def test_the_lock_has_every_root_and_each_artefact_once_per_set() -> None:
    locked = artefacts.read_lock(artefacts.LOCK.read_text())
    by_set = [(artefact.set_name, artefact.coordinate) for artefact in locked]
    for set_name, spec in artefacts.read_roots().items():
        assert {(set_name, coordinate) for coordinate in spec["artefacts"]} <= set(by_set)
    names = [(set_name, coordinate.rpartition(":")[0]) for set_name, coordinate in by_set]
    assert len(names) == len(set(names))
    # one release of Kafka: resolving several roots at once once mixed in older clients
    assert {c.rpartition(":")[2] for _, c in by_set if c.startswith("org.apache.kafka:")} == {"4.1.1"}
