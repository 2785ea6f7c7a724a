"""`python -m serving.part api|notify FILE`: the local stack's parts `api` and `notify`.

FILE holds the settings that `tidemark up` was called with.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tidemark import handover
from tidemark.endpoints import Ports
from tidemark.errors import UserError
from tidemark.settings import Settings

_KEYS: dict[str, Any] = {source: {"api_key"} for source in ("coingecko", "coinmarketcap", "newsapi", "fred")}
_PASSWORDS = {"migrator_password", "writer_password", "lake_password"}
# Secrets that are none of its business.
_OTHERS: dict[str, dict[str, Any]] = {
    "api": {**_KEYS, "notify": True, "postgres": _PASSWORDS},
    "notify": {**_KEYS, "api": True, "postgres": _PASSWORDS | {"reader_password"}},
}


def write(settings: Settings, name: str, path: Path) -> None:
    """Write the settings of the part ``name``, readable for their owner only."""
    handover.write(settings, path, without=_OTHERS[name])


def main(name: str, path: Path) -> None:
    """Serve until a signal."""
    settings = handover.read(path)
    if name == "notify":
        from serving.notify.cli import serve as notify

        notify(settings)
        return
    from serving.cli import serve

    chosen = Ports.read(settings)
    if chosen is None:
        raise UserError("The local stack was never started.", "`tidemark up` starts it.")
    serve(settings.model_copy(update={"api": settings.api.model_copy(update={"port": chosen.api})}))


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]))
    except UserError as error:
        sys.exit(f"{error} {error.hint}")
