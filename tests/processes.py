"""Programs run to their end, as a user would."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def run(
    command: Sequence[str | Path], cwd: Path, timeout: float, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in the folder ``cwd`` for at most ``timeout`` seconds, with ``environment`` besides our own."""
    return subprocess.run(
        list(command),
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
