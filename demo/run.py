"""The demo, step by step: stack, jobs, feed, wait, report."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from demo import fresh, report
from flink_jobs import cluster, iceberg, progress
from flink_jobs.account import Conservation, conservation
from flink_jobs.variables import INPUTS
from producers import health, sources
from producers.health import State
from producers.market import MarketConfig
from producers.simulate import Truth, simulate
from producers.sink import KafkaSink
from stack import database, local, topics
from stack.config import Layout
from tidemark.durations import format_duration
from tidemark.errors import UserError
from tidemark.settings import Settings

console = Console(highlight=False)
_MINUTE_MS = 60_000
_TIDEMARK = Path(sys.executable).with_name("tidemark")
_PAIR = "BTC/USDT"
_OUTAGES = 3
_FIRST_SECONDS = 60  # within which something comes from a source, if anything ever does


def simulated(settings: Settings, minutes: float, seed: int, started: float) -> None:
    """Send ``minutes`` of the market ``seed`` through the pipeline and report.

    Raises UserError if it does not add up.
    """
    _step("Starting the local stack: Kafka, PostgreSQL, Flink")
    fresh.prepare(settings, _detail)
    jobs = cluster.default_jobs(settings)
    _step(f"Submitting {len(jobs)} jobs, and sending {minutes:.0f} minutes of a simulated market meanwhile")
    start_ms = int(time.time() * 1000 - minutes * _MINUTE_MS)
    config = MarketConfig(start_ms=start_ms, minutes=minutes, seed=seed, outages=_OUTAGES)
    # In a process of its own: PyFlink's gateway may serve a call on another thread once two use it, and Flink's planner
    # keeps what it knows by thread.
    with subprocess.Popen([_TIDEMARK, "jobs", "submit"], stdout=subprocess.PIPE, text=True) as submission:
        truth = _feed(settings, config)
        for line in submission.stdout or ():
            _detail(line.rstrip())
    if submission.returncode:
        raise UserError("The jobs could not be submitted.", "The reason is above.")
    _step("Waiting for the jobs to work it off")
    _settle(settings)
    fresh.mark(settings)
    _step("What came of it")
    _report(settings, truth, started)


def live(settings: Settings, minutes: float, started: float) -> None:
    """Feed the jobs for ``minutes`` from every source that needs no key or has one, then report what is there.

    Raises UserError where nothing comes, or where it does not add up.
    """
    _step("Starting the local stack: Kafka, PostgreSQL, Flink")
    fresh.prepare(settings, _detail)
    _step(f"Taking the real exchanges and feeds for {minutes:g} minutes (Ctrl-C ends it early)")
    for name, why in _without(settings).items():
        _detail(f"without {name}: {why}")
    with _producing(settings) as producers:
        _await_first(settings, producers)
        _step(f"Submitting {len(cluster.default_jobs(settings))} jobs meanwhile")
        cluster.submit(settings, cluster.default_jobs(settings), _detail)
        try:
            _watch(settings, producers, minutes)
        except KeyboardInterrupt:
            _detail("Ended early")
    states = _states(settings, producers)
    _step("Waiting for the jobs to work it off")
    _settle(settings)
    fresh.mark(settings)
    _step("What came of it")
    _print_sources(states)
    if producers.returncode and not any(state.rubbish for state in states):
        raise UserError("Not all that the sources sent has reached Kafka.", f"See {_log(settings)}.")
    _report(settings, None, started)


def _step(text: str) -> None:
    console.print(f"[bold cyan]▸[/] [bold]{text}[/]")


def _detail(text: str) -> None:
    console.print(f"  {text}", style="dim", markup=False)


def _feed(settings: Settings, config: MarketConfig) -> Truth:
    columns = (TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.fields[messages]:,} messages"))
    sink = KafkaSink(settings)
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("market", total=1.0, messages=0)
        truth = simulate(
            settings, sink, config, lambda at: bar.update(task, completed=at.fraction, messages=at.messages)
        )
    sink.close()
    return truth


def _without(settings: Settings) -> dict[str, str]:
    """Return the sources that `tidemark produce all` leaves out, and why."""
    found = {}
    for name in sources.NAMES:
        try:
            sources.make(name, settings)
        except UserError as error:  # noqa: PERF203 - for want of a key
            found[name] = str(error)
    return found


@contextmanager
def _producing(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tidemark produce all`, with its log in a file; end it in good order, so that what it has is sent."""
    # In a session of its own, so that Ctrl-C does not reach it: asked to stop twice, it would not send what it holds.
    with (
        _log(settings).open("wb") as log,
        subprocess.Popen([_TIDEMARK, "produce", "all"], stdout=log, stderr=log, start_new_session=True) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def _log(settings: Settings) -> Path:
    return Layout(settings.data_dir).logs / "producers.log"


def _states(settings: Settings, producers: subprocess.Popen[bytes]) -> list[State]:
    return [state for state in health.states(settings) if state.pid == producers.pid]


def _await_first(settings: Settings, producers: subprocess.Popen[bytes]) -> None:
    """Wait until a source has brought something. Raises UserError once it is clear that none will."""
    until = time.monotonic() + _FIRST_SECONDS
    while True:
        states = _states(settings, producers)
        if any(state.messages for state in states):
            return
        _check(settings, producers)
        if (states and all(state.failures > 1 or state.rubbish for state in states)) or time.monotonic() > until:
            for state in states:
                _detail(f"{state.source}: {state.error or 'nothing came'}")
            raise UserError(
                "Nothing came from any exchange or feed.",
                "Is there a network connection? `make demo` needs none. The stack still runs; `make down` ends it.",
            )
        time.sleep(0.2)


def _check(settings: Settings, producers: subprocess.Popen[bytes]) -> None:
    if producers.poll() is not None:
        raise UserError(f"The producers ended with status {producers.returncode}.", f"See {_log(settings)}.")


def _watch(settings: Settings, producers: subprocess.Popen[bytes], minutes: float) -> None:
    """Show for ``minutes`` what comes in, and which sources have trouble."""
    begun = time.monotonic()
    columns = (TextColumn(" "), BarColumn(16), TextColumn("{task.fields[came]}"))
    troubled: set[str] = set()
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("live", total=minutes * 60, came="")
        while (elapsed := time.monotonic() - begun) < minutes * 60:
            _check(settings, producers)
            for state in _states(settings, producers):
                if state.failures and state.source not in troubled:
                    _detail(f"{state.source}: {state.error}")
                    troubled.add(state.source)
                elif not state.failures:
                    troubled.discard(state.source)
            held = topics.count(settings)
            came = {topic: held[getattr(settings.topics, topic)] for topic in INPUTS}
            main = [f"{came.pop(topic):,} {topic}" for topic in ("trades", "tickers", "articles")]
            bar.update(task, completed=elapsed, came=", ".join([*main, f"{sum(came.values()):,} others"]))
            time.sleep(1)
        bar.update(task, completed=minutes * 60)


def _settle(settings: Settings) -> None:
    columns = (TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        tasks = {name: bar.add_task(f"{name:<9}", total=None, left="") for name in cluster.default_jobs(settings)}
        whole = {
            settings_key: topics.count(settings)[name] for settings_key, name in settings.topics.model_dump().items()
        }
        totals = {name: sum(whole[key] for key in progress.INPUTS[name]) for name in cluster.default_jobs(settings)}

        def show(behind: dict[str, int]) -> None:
            for name, count in behind.items():
                left = f"{count:,} to read" if count else "all read; closing windows"
                bar.update(tasks[name], total=totals[name] or 1, completed=totals[name] - count, left=left)

        progress.settle(settings, cluster.default_jobs(settings), show)
        for name in cluster.default_jobs(settings):
            bar.update(tasks[name], left="done")


def _report(settings: Settings, truth: Truth | None, started: float) -> None:
    accounts = conservation(settings)
    found = report.spikes(settings, truth) if truth else None
    health = report.feed_health(settings, truth) if truth else None
    _print_accounts(accounts)
    _print_tables(settings)
    size = format_duration(settings.windows.candle)
    candles = database.fetch(settings, "last_candles", pair=_PAIR, resolution=size, rows=4)
    _print_rows(f"Last candles of {_PAIR}", candles)
    (news,) = database.fetch(settings, "news_matches")
    console.print(
        f"News joined to trades: {news['trades_with_news']:,} trades have one of {news['articles']} articles around "
        f"them ({news['matches']:,} matches), {news['trades_without_news']:,} have none"
    )
    if found:
        console.print(
            f"Spikes: {len(found.found)} found, {len(found.jumps)} jumps injected; "
            f"recall {found.recall:.2f}, precision {found.precision:.2f}"
        )
        for spike in found.found:
            _detail(spike["detail"])
    if health:
        console.print(
            f"Feeds: {health.hits} of {len(health.outages)} outages found, among {len(health.gaps)} gaps in trade ids; "
            f"{health.open_trades:,} trades are still missing, {health.lost:,} were lost on purpose; "
            f"{health.late:,} late messages, {health.sent_late:,} sent late"
        )
    jobs = cluster.jobs(settings)
    lake = {state.name: state.rows for state in iceberg.status(settings)} if settings.lake.enabled else None
    if lake is not None:
        console.print(f"Rows in the lake: {', '.join(f'{name} {rows:,}' for name, rows in lake.items())}")
    wrong = report.problems(accounts, found, health, jobs, lake)
    _print_ways_on(settings)
    if wrong:
        raise UserError(f"It does not add up: {'; '.join(wrong)}.", "See `tidemark health` and `tidemark logs`.")
    console.print(
        f"[green]✓[/] All accounts balance. Done in {time.monotonic() - started:.0f} s; the stack is left running."
    )


def _print_sources(states: Iterable[State]) -> None:
    table = Table("source", title="Sources", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("messages", justify="right")
    table.add_column("dead letters", justify="right")
    table.add_column("last error", overflow="fold")
    for state in states:
        table.add_row(state.source, f"{state.messages:,}", f"{state.dead_letters:,}", escape(state.error))
    console.print(table)


def _print_accounts(accounts: Iterable[Conservation]) -> None:
    table = Table(
        "topic", title="Every message accounted for", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for name in ("produced", "stored", "dead letters", "duplicates", "missing"):
        table.add_column(name, justify="right")
    for one in accounts:
        numbers = (one.produced, one.stored, one.dead_lettered, one.duplicates, one.missing)
        table.add_row(one.topic, *(f"{number:,}" for number in numbers))
    console.print(table)


def _print_tables(settings: Settings) -> None:
    rows = ", ".join(f"{name} {count:,}" for name, count in database.count(settings).items())
    console.print(f"Rows in PostgreSQL: {rows}")


def _print_rows(title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        table = Table(*rows[0], title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        console.print(table)


def _print_ways_on(settings: Settings) -> None:
    console.print("Look around:", style="bold")
    console.print(f"  Flink's web UI    {local.address_of(settings, 'jobmanager')}")
    if settings.api.enabled:
        console.print(f"  The dashboard     {local.address_of(settings, 'api')}/")
        console.print(f"  The API           {local.address_of(settings, 'api')}/docs")
    for label, command in (
        ("SQL over topics", '.venv/bin/tidemark sql -e "SELECT COUNT(*) FROM trades"'),
        ("SQL over tables", '.venv/bin/tidemark psql -c "SELECT * FROM alert_data"'),
        *([("The lake", ".venv/bin/tidemark lake status")] if settings.lake.enabled else []),
        ("State", ".venv/bin/tidemark status"),
        ("End it", "make down"),
    ):
        console.print(f"  {label:<17} {command}")
