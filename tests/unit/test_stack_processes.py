from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

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
