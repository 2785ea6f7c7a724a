"""`python -m serving.part FILE`: the local stack's part `api`.

FILE holds the settings that `tidemark up` was called with.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tidemark.endpoints import Ports
from tidemark.errors import UserError
from tidemark.files import write_private
from tidemark.settings import Settings, load

# Secrets that are none of its business.
_OTHERS: Any = {
    "notify": True,
    "postgres": {"migrator_password", "writer_password"},
    **{source: {"api_key"} for source in ("coingecko", "coinmarketcap", "newsapi", "fred")},
}


def write(settings: Settings, path: Path) -> None:
    """Write the settings, readable for their owner only."""

    def plain(value: Any) -> Any:
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    write_private(path, json.dumps(settings.model_dump(exclude=_OTHERS), default=plain))


def main() -> None:
    """Serve until a signal."""
    from serving.cli import serve

    settings = load(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    chosen = Ports.read(settings)
    if chosen is None:
        raise UserError("The local stack was never started.", "`tidemark up` starts it.")
    serve(settings.model_copy(update={"api": settings.api.model_copy(update={"port": chosen.api})}))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"{error} {error.hint}")
