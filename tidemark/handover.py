"""Settings for a process of the local stack, in a file that only their owner can read: there are secrets in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tidemark.files import write_private
from tidemark.settings import Settings, load


def write(settings: Settings, path: Path, *, without: dict[str, Any]) -> None:
    """Write ``settings`` but those that are not the process' business: ``without`` is as pydantic's ``exclude``."""

    def plain(value: Any) -> Any:
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    write_private(path, json.dumps(settings.model_dump(exclude=without), default=plain))


def read(path: Path) -> Settings:
    """Return what was written."""
    return load(**json.loads(path.read_text(encoding="utf-8")))
