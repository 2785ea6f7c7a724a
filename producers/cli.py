"""The producers' commands: produce, record, replay, simulate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from tidemark.errors import UserError
from tidemark.settings import Settings, settings

if TYPE_CHECKING:
    from producers.sink import Counts, Sink
    from producers.source import Source

Job = Callable[[], bool | None]  # ends when stopped; False: it failed

# What a command needs beyond this is imported inside it: `tidemark --help` waits for neither Kafka nor nltk.


backfill = typer.Typer(help="Fetch what is missing, and send it marked as a backfill.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the producers' commands to ``app``."""
    from producers import simulate

    app.command()(produce)
    app.command()(record)
    app.command()(replay)
    backfill.command("coingecko")(backfill_coingecko)
    app.add_typer(backfill, name="backfill")
    simulate.register(app)


def produce(
    names: Annotated[list[str], typer.Argument(metavar="SOURCE…", help="binance, kraken, rss … or all.")],
    pairs: Annotated[str | None, typer.Option(help="Pairs of the exchanges, such as BTC/USD,ETH/USD.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Poll once, now, and end.")] = False,
) -> None:
    """Send what the SOURCEs publish to Kafka until stopped (Ctrl-C)."""
    from producers import runloop
    from producers.health import Health
    from producers.source import StreamSource
    from tidemark import logs

    wanted = _pairs(pairs)
    config = settings()
    logs.configure(config)
    parts = _sources(names, config, wanted, once)
    stop = runloop.stop_on_signals()
    sink = _kafka(config)
    limits = config.producers
    if limits.metrics_port:
        _serve_metrics(limits.metrics_port)
    seen = runloop.Seen()
    jobs: dict[str, Job] = {}
    for source in parts:
        health = Health(source.name, config)
        if isinstance(source, StreamSource):
            jobs[source.name] = partial(runloop.run_stream, source, sink, stop, limits, health)
        else:
            jobs[source.name] = partial(runloop.run_poll, source, sink, stop, limits, health, seen, once=once)
    failed = _run(jobs)
    _close(sink)
    Console(stderr=True).print(_counted(sink.counts))
    if failed:
        raise UserError(f"{', '.join(failed)} failed.", "The reason is in the lines above.")


def record(
    source: Annotated[str, typer.Argument(help="Any source but the simulator.")],
    file: Annotated[Path, typer.Argument(help="Appended to, one JSON a line.", dir_okay=False)],
    seconds: Annotated[float | None, typer.Option(min=0, help="End after this time; else on Ctrl-C.")] = None,
    pairs: Annotated[str | None, typer.Option(help="Pairs, such as BTC/USD,ETH/USD.")] = None,
) -> None:
    """Write the frames of SOURCE to FILE as they arrive, for `tidemark replay`."""
    from producers import record as recorder
    from producers import runloop, sources
    from tidemark import logs

    config = settings()
    logs.configure(config)
    parts = sources.make(source, config, _pairs(pairs))
    stop = runloop.stop_on_signals()
    count = 0

    def one(part: Source) -> None:
        nonlocal count
        count += recorder.record(part, file, stop, config, seconds)

    _run({part.name: partial(one, part) for part in parts})
    Console(stderr=True).print(f"{count} frames written to {file}")


def replay(
    file: Annotated[Path, typer.Argument(help="A recording, or raw frames one JSON a line.", dir_okay=False)],
    source: Annotated[str | None, typer.Option(help="Whose raw frames they are, such as kraken or fred:DFF.")] = None,
    speed: Annotated[str, typer.Option(help="max, or 1 for real time, 10 for ten times that …")] = "max",
    shift: Annotated[
        str | None, typer.Option(help="Move the times: now, a time like 2026-01-31T12:00:00Z, or -7d.")
    ] = None,
) -> None:
    """Send the frames in FILE to Kafka through the parser of the live source."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from producers import replay as player
    from producers import runloop, sources
    from tidemark import logs

    pace = _speed(speed)
    config = settings()
    if source is not None:
        sources.parser(source, config)
    logs.configure(config)
    stop = runloop.stop_on_signals()
    sink = _kafka(config)
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} frames"), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("replay", total=None)
            summary = player.replay(
                file, sink, stop, config, source=source, speed=pace, shift=shift, progress=lambda: bar.advance(task)
            )
    finally:
        _close(sink)
    Console().print(f"{summary.frames} frames, {summary.noise} of them noise; {_counted(sink.counts)}", soft_wrap=True)


def backfill_coingecko() -> None:
    """Send the hourly prices of CoinGecko's coins over the setting coingecko.history to Kafka."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from producers import backfill, runloop
    from producers.sources import coingecko
    from tidemark import logs

    config = settings()
    parts = coingecko.history_sources(config)
    logs.configure(config)
    stop = runloop.stop_on_signals()
    sink = _kafka(config)
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("coins"))
    try:
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("backfill", total=len(parts))
            failed = backfill.backfill(parts, sink, stop, config, lambda: bar.advance(task))
    finally:
        _close(sink)
    console.print(_counted(sink.counts))
    if failed:
        raise UserError(f"{', '.join(failed)} failed.", "The reason is in the lines above; what was sent stays.")


def _sources(names: list[str], config: Settings, pairs: list[str] | None, once: bool) -> list[Source]:
    from producers import sources

    if once and (streams := [name for name in names if name in sources.STREAMS]):
        raise UserError(f"--once is for polled sources; {' and '.join(streams)} never ends.")
    if "all" not in names:
        return [source for name in dict.fromkeys(names) for source in sources.make(name, config, pairs)]
    found: list[Source] = []
    for name in sources.POLLS if once else sources.NAMES:
        try:
            found += sources.make(name, config, pairs)
        except UserError as error:  # noqa: PERF203 - all that can be: without a key there is nothing to fetch
            Console(stderr=True).print(f"Without {name}: {error}")
    return found


def _serve_metrics(port: int) -> None:
    from prometheus_client import start_http_server

    try:
        start_http_server(port, addr="127.0.0.1")
    except OSError as error:
        raise UserError(f"Port {port} is taken: {error.strerror}.", "Set producers.metrics_port to another.") from None


def _pairs(text: str | None) -> list[str] | None:
    from producers import coins

    if text is None:
        return None
    try:
        return [coins.pair(pair.strip()) for pair in text.split(",")]
    except ValueError as error:
        raise UserError(f"--pairs: {error}.", "Write them as BTC/USD,ETH/USD.") from None


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    with suppress(ValueError):
        if 0 < (speed := float(text)) < float("inf"):
            return speed
    raise UserError(f"--speed {text!r} is not understood.", "Write max, or a number above 0.")


def _kafka(config: Settings) -> Sink:
    from producers.sink import KafkaSink

    return KafkaSink(config)


def _close(sink: Sink) -> None:
    from producers.sink import SendError

    try:
        sink.close()
    except SendError as error:
        raise UserError(f"{error}.", "Look at `tidemark status` and `tidemark logs kafka`.") from None


def _counted(counts: Counts) -> str:
    sent = ", ".join(f"{number} {topic}" for topic, number in sorted(counts.sent.items())) or "no messages"
    dead = ", ".join(f"{number} {code}" for code, number in sorted(counts.dead.items()))
    return f"{sent}; {counts.dead.total()} dead letters{f' ({dead})' if dead else ''}"


def _run(jobs: dict[str, Job]) -> list[str]:
    """Run every job in a thread of its own; return the names of those that failed. None can stop another."""
    import structlog

    failed: list[str] = []

    def guarded(name: str, job: Job) -> None:
        try:
            succeeded = job() is not False
        except Exception:  # noqa: BLE001 - whatever it was, the other sources go on
            structlog.get_logger(__name__).exception("source_failed", source=name)
            succeeded = False
        if not succeeded:
            failed.append(name)

    threads = [Thread(target=guarded, args=item, name=item[0], daemon=True) for item in jobs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)  # in short pieces, so that signals are seen
    return failed
