"""Where the captures of real exchange data are: beside the checkout, not in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent


def captures() -> Path:
    """Return the folder of the captures, or skip the test where it is absent."""
    folder = Path(os.environ.get("CAPTURES_DIR", _ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no captures in {folder}; CAPTURES_DIR names another folder")
    return folder
