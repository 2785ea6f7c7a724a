"""stack/setup.sh: what a machine lacks is said in one sentence, with exit status 1."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.processes import run
from tidemark.paths import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing in it but what setting up starts from."""
    (tmp_path / "stack").mkdir()
    shutil.copy(ROOT / "stack" / "setup.sh", tmp_path / "stack" / "setup.sh")
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "x"\nversion = "1"\n'
    )
    return tmp_path


def said(checkout: Path, **environment: str) -> str:
    """Run it, check that it ends with status 1, and return what it said last on standard error."""
    done = run(["/bin/sh", "stack/setup.sh", "run"], checkout, 300, **environment)
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr.splitlines()[-1]


def stub(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_wrong_python_is_named(checkout: Path) -> None:
    found = said(checkout, PYTHON="/bin/false")
    assert found == "PYTHON=/bin/false is not a Python 3.10, 3.11 or 3.12, which PyFlink needs."


def test_no_python_at_all(checkout: Path) -> None:
    for name in ("python3", "python3.12", "python3.11", "python3.10"):
        stub(checkout / "bin", name, "exit 1")
    found = said(checkout, PYTHON="", PATH=f"{checkout / 'bin'}:{os.environ['PATH']}")
    assert found.startswith("No Python 3.10, 3.11 or 3.12 was found")


def test_a_python_without_venv(checkout: Path) -> None:
    stub(checkout / "bin", "python3.11", 'case "$2" in *ensurepip*) exit 1;; esac')
    found = said(checkout, PYTHON=str(checkout / "bin" / "python3.11"))
    assert "lacks the modules venv and ensurepip" in found


def test_too_little_disk_space(checkout: Path) -> None:
    stub(checkout / "bin", "df", 'printf "Filesystem 1024-blocks Used Available\\n/dev/x 9 9 102400\\n"')
    found = said(checkout, PYTHON=sys.executable, PATH=f"{checkout / 'bin'}:{os.environ['PATH']}")
    assert found == f"Setting up needs 4,000 MiB of disk space, and {checkout} has 100 MiB free."


def test_no_network(checkout: Path) -> None:
    found = said(
        checkout,
        PYTHON=sys.executable,
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_CACHE_DIR="1",
        PIP_FIND_LINKS="",
    )
    assert found.startswith("The Python packages could not be downloaded: there is no network connection")
    assert not (checkout / ".venv" / "tidemark-run").exists()
