from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from connectors import java
from stack.config import MARK
from stack.supervise import end_orphans, marked


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of a stack in ``tmp_path``, with a child; it has begun when this returns."""
    code = "import subprocess, sys; c = subprocess.Popen(['sleep', '600'], env={}); print(c.pid, flush=True); c.wait()"
    environment = os.environ | {MARK: str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.child = int(process.stdout.readline())  # type: ignore[attr-defined]
        yield process
        process.kill()


def test_processes_left_behind_are_found_by_their_mark_and_ended(
    tmp_path: Path, orphan: subprocess.Popen[bytes]
) -> None:
    child: int = orphan.child  # type: ignore[attr-defined]
    assert {process.pid for process in marked(tmp_path)} == {orphan.pid, child}
    assert end_orphans(tmp_path, patience=10) == 2
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert marked(tmp_path) == []


def test_processes_of_another_stack_are_left_alone(tmp_path: Path, orphan: subprocess.Popen[bytes]) -> None:
    assert end_orphans(tmp_path / "other") == 0
    assert orphan.poll() is None


def make_java(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch()
    (home / "release").write_text(f'IMPLEMENTOR="Somebody"\nJAVA_VERSION="{version}"\n')
    return home


@pytest.mark.parametrize("version", ["17.0.13", "21.0.8"])
def test_a_supported_java_home_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    home = make_java(tmp_path / "java", version)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java.java_home() == home


@pytest.mark.parametrize("version", ["1.8.0_412", "25"])
def test_another_java_gives_way_to_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "java", version)))
    assert java.version(java.java_home()) == 21


def test_a_java_home_that_is_not_there_gives_way_to_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    assert (java.java_home() / "bin" / "java").is_file()
