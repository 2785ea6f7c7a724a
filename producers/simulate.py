"""`tidemark simulate`: a made-up market (producers/market) sent to Kafka, and the truth about it in a file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from producers.contract import bound
from producers.market import FAULTS, MINUTE, Arrival, Divergence, Jump, Market, MarketConfig, Outage, Shift, Surge
from producers.sink import KafkaSink, SendError, Sink
from tidemark.errors import UserError
from tidemark.settings import Settings
from tidemark.settings import settings as read_settings

_REPORT_EVERY = 0.1  # seconds between two calls of the progress callback
_CHUNK = 0.01  # seconds; a shorter wait for the next message is not worth it


@dataclass
class TopicTruth:
    """What was put on one topic: ``sent`` = ``valid_unique`` + ``duplicates`` + the sum of ``malformed``.

    ``late`` messages are valid and unique: they came 30 to 90 s of event time after their neighbours, or at the end of
    an outage.
    """

    sent: int = 0
    valid_unique: int = 0
    duplicates: int = 0
    late: int = 0
    malformed: dict[str, int] = field(default_factory=dict)  # per kind

    def add(self, arrival: Arrival) -> None:
        """Count a message that was sent."""
        self.sent += 1
        if arrival.kind == "malformed":
            self.malformed[arrival.fault] = self.malformed.get(arrival.fault, 0) + 1
        elif arrival.kind == "duplicate":
            self.duplicates += 1
        else:
            self.valid_unique += 1
            self.late += arrival.kind in ("late", "backfill")


@dataclass
class Truth:
    """What a simulation sent, per logical topic, which jumps its news caused, which trades it kept back, when an
    aggregator was wrong, a volume surged or the mood of news shifted. Times in epoch ms UTC.

    ``complete`` is false where it was stopped early; what happened is then only what was over.
    """

    seed: int
    start_ms: int
    end_ms: int
    complete: bool
    articles: int
    topics: dict[str, TopicTruth]
    jumps: list[Jump]
    outages: list[Outage]
    divergences: list[Divergence]
    surges: list[Surge]
    shifts: list[Shift]

    def write(self, path: Path) -> None:
        """Write it as JSON. Raises UserError where that is not possible."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"The truth could not be written to {path}: {error.strerror}.") from None

    @classmethod
    def read(cls, path: Path) -> Truth:
        """Return what `write` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        values["topics"] = {topic: TopicTruth(**counts) for topic, counts in values["topics"].items()}
        kinds = {"jumps": Jump, "outages": Outage, "divergences": Divergence, "surges": Surge, "shifts": Shift}
        for name, kind in kinds.items():
            values[name] = [kind(**value) for value in values[name]]
        return cls(**values)


@dataclass(frozen=True)
class Progress:
    """How far a simulation is: the share of its time done, 0..1, its time in epoch ms, and the messages sent."""

    fraction: float
    event_time_ms: int
    messages: int


def truth_path(settings: Settings, config: MarketConfig) -> Path:
    """Return where the truth about a market is kept unless told otherwise."""
    start = datetime.fromtimestamp(config.start_ms / 1000, timezone.utc)
    name = f"{start:%Y%m%dT%H%M%S}.{config.start_ms % 1000:03}Z-{config.seed}.json"
    return settings.data_dir / "simulations" / name


def start_of(start: str | None, minutes: float, speed: float | None, now_ms: int) -> int:
    """Return when a market starts, in epoch ms: at ``start`` (``now``, or ISO 8601, UTC unless it says otherwise);
    without, so that it ends now.

    Raises UserError for another text, for a time no message may have, and where event times would lie in the future
    when they are sent.
    """
    length = round(minutes * MINUTE)
    if start is None:
        return now_ms - length
    if start == "now":
        begin = now_ms
    else:
        try:
            # Python 3.10 does not read the Z.
            moment = datetime.fromisoformat(start.replace("Z", "+00:00"))
        except ValueError:
            raise UserError(f"{start!r} is not a time.", "Write 2026-01-31T12:00:00 (UTC) or now.") from None
        begin = round(moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp() * 1000)
        if begin < bound("trades", "event_time", "minimum"):
            raise UserError(f"A market cannot start at {start}: no coin was traded then.")
    if begin > now_ms or begin + length > now_ms + (0 if speed is None else length / speed):
        raise UserError(
            "The market would run into the future.",
            "Start it earlier, or let it run as time passes: --start now --speed 1.",
        )
    return begin


def simulate(
    settings: Settings,
    sink: Sink,
    config: MarketConfig,
    progress: Callable[[Progress], None] | None = None,
    *,
    speed: float | None = None,
    truth_file: Path | None = None,
    stop: Event | None = None,
) -> Truth:
    """Send the market of ``config`` to ``sink`` in order of arrival, flush, write the truth and return it.

    ``speed`` is event time over time, None as fast as the sink takes it. ``progress`` is called up to ten times
    a second and at the end. ``truth_file`` defaults to :func:`truth_path`. Once ``stop`` is set it ends early, in
    good order.
    Raises SendError where Kafka did not take everything, UserError where the truth cannot be written.
    """
    stop = stop or Event()
    market = Market(config)
    topics = {topic: TopicTruth() for topic in FAULTS}
    length = config.end_ms - config.start_ms
    newest, messages = config.start_ms, 0
    begun = reported = time.monotonic()
    complete = True
    for arrival in market.arrivals():
        if speed is not None:
            ahead = begun + (arrival.at_ms - config.start_ms) / 1000 / speed - time.monotonic()
            if ahead > _CHUNK:
                stop.wait(ahead)
        if stop.is_set():
            complete = False
            break
        message = arrival.message
        if arrival.kind == "malformed":
            sink.send_bytes(message.topic, message.key, arrival.payload)
        else:
            sink.send(message, backfill=arrival.kind == "backfill")
        topics[message.topic].add(arrival)
        messages += 1
        newest = max(newest, message.value["event_time"])
        if progress is not None and time.monotonic() - reported >= _REPORT_EVERY:
            reported = time.monotonic()
            progress(Progress((newest - config.start_ms) / length, newest, messages))
    sink.flush()
    if progress is not None:
        progress(Progress(1.0 if complete else (newest - config.start_ms) / length, newest, messages))
    truth = Truth(
        seed=config.seed,
        start_ms=config.start_ms,
        end_ms=config.end_ms,
        complete=complete,
        articles=topics["articles"].valid_unique,
        topics=topics,
        jumps=[jump for jump in market.jumps if complete or jump.end_ms < newest],
        outages=[outage for outage in market.outages if complete or 0 < outage.back_ms < newest],
        divergences=[divergence for divergence in market.divergences if complete or divergence.end_ms < newest],
        surges=[surge for surge in market.surges if complete or surge.end_ms < newest],
        shifts=[shift for shift in market.shifts if complete or shift.end_ms < newest],
    )
    truth.write(truth_file or truth_path(settings, config))
    return truth


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise UserError(
            f"--speed {text} is no speed.", "Write max, or how many times as fast as time, such as 1 or 60."
        )
    return speed


def _command(
    minutes: Annotated[float, typer.Option(help="Length of the market.")] = MarketConfig.minutes,
    seed: Annotated[int, typer.Option(help="The same seed gives the same market.")] = MarketConfig.seed,
    speed: Annotated[str, typer.Option(help="max, or how many times as fast as time.")] = "max",
    start: Annotated[
        str | None, typer.Option(help="ISO 8601 or now; without, the market ends now.", show_default=False)
    ] = None,
    trades_per_second: Annotated[float, typer.Option(help="Per pair.")] = MarketConfig.trades_per_second,
    coins: Annotated[int, typer.Option(help="How many of the ten coins.")] = MarketConfig.coins,
    duplicates: Annotated[float, typer.Option(help="Share of messages sent twice.")] = MarketConfig.duplicates,
    late: Annotated[float, typer.Option(help="Share of trades held back 30 to 90 s.")] = MarketConfig.late,
    malformed: Annotated[float, typer.Option(help="Malformed messages per sound one.")] = MarketConfig.malformed,
    outages: Annotated[int, typer.Option(help="Times in which the trades of a pair stop for 1 to 3 minutes.")] = 2,
    surges: Annotated[int, typer.Option(help="Times in which the volume of a pair surges.")] = 2,
    shifts: Annotated[int, typer.Option(help="Times in which the mood of the news about a coin shifts.")] = 1,
    truth: Annotated[
        Path | None,
        typer.Option(help="Where to write what was injected.", show_default="simulations/ in data_dir"),
    ] = None,
) -> None:
    """Send a made-up market to Kafka: all input topics, jumps and faults, with the truth about it in a file."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from producers.runloop import stop_on_signals

    settings = read_settings()
    pace = _speed(speed)
    config = MarketConfig(
        start_ms=0,
        minutes=minutes,
        seed=seed,
        trades_per_second=trades_per_second,
        coins=coins,
        duplicates=duplicates,
        late=late,
        malformed=malformed,
        outages=outages,
        surges=surges,
        shifts=shifts,
    )
    config = replace(config, start_ms=start_of(start, config.minutes, pace, time.time_ns() // 1_000_000))
    path = truth or truth_path(settings, config)
    console = Console()
    columns = (
        TextColumn("simulated market"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    )
    stop = stop_on_signals()
    try:
        with closing(KafkaSink(settings)) as sink, Bar(*columns, console=console) as bar:
            task = bar.add_task("", total=1.0, state="")

            def show(state: Progress) -> None:
                at = datetime.fromtimestamp(state.event_time_ms / 1000, timezone.utc)
                bar.update(task, completed=state.fraction, state=f"{at:%H:%M:%S} UTC, {state.messages:,} sent")

            result = simulate(settings, sink, config, show, speed=pace, truth_file=path, stop=stop)
    except SendError as error:
        raise UserError(f"{error}.", "See `tidemark status` and `tidemark logs kafka`.") from None
    for line in summary(result):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"The truth about it: {path}", highlight=False, soft_wrap=True)


def summary(truth: Truth) -> list[str]:
    """Return in a few lines what was sent."""
    lines = [] if truth.complete else ["Stopped early; what follows was sent."]
    for topic, counts in truth.topics.items():
        late = f" (of them {counts.late:,} late)" if counts.late else ""
        lines.append(
            f"{topic}: {counts.sent:,} sent = {counts.valid_unique:,} valid{late}"
            f" + {counts.duplicates:,} duplicates + {sum(counts.malformed.values()):,} malformed"
        )
    real = [jump for jump in truth.jumps if not jump.decoy]
    moves = ", ".join(f"{jump.symbol} {jump.pct:+.1f} %" for jump in real)
    lines.append(f"jumps: {len(real)}{moves and f' ({moves})'}, decoys: {len(truth.jumps) - len(real)}")
    missed, lost = (sum(getattr(one, name) for one in truth.outages) for name in ("missed", "lost"))
    lines.append(
        f"outages: {len(truth.outages)} ({missed:,} trades missed, {lost:,} never sent), "
        f"divergences of aggregators: {len(truth.divergences)}, surges of volume: {len(truth.surges)}, "
        f"shifts of mood: {len(truth.shifts)}"
    )
    return lines


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("simulate")(_command)
