"""`tidemark demo`: a market through the whole pipeline, and a report that checks itself."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from tidemark.settings import settings


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("demo")(demo)


def demo(
    minutes: Annotated[float, typer.Option(help="Length of the simulated market, or of the live feed.")] = 0,
    seed: Annotated[int, typer.Option(help="Which market.")] = 7,
    live: Annotated[bool, typer.Option("--live", help="Take the real exchanges and feeds.")] = False,
) -> None:
    """Start the stack and the jobs, feed them a market, and report what came out."""
    from demo import run

    started = time.monotonic()
    if live:
        run.live(settings(), minutes or 3, started)
    else:
        run.simulated(settings(), minutes or 45, seed, started)
