"""The commands `tidemark dead-letters …`: reading the topic, and what of it is shown or sent again."""

from __future__ import annotations

import heapq
import json
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tidemark import endpoints
from tidemark.durations import parse_duration
from tidemark.errors import UserError
from tidemark.settings import Settings, settings

if TYPE_CHECKING:
    from producers.dead_letters import Letter, Replay, Sent

app = typer.Typer(help="Look at what could not be accepted, and send it again.", no_args_is_help=True)

_out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
_ID = re.compile(r"(\d{1,9}):(\d{1,18})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MS = timedelta(milliseconds=1)
_NONE = "There are no dead letters."


def _code(text: str | None) -> str | None:
    from producers.dead_letters import CODES

    if text is not None and text not in CODES:
        raise UserError(f"{text!r} is not a code of dead letters.", f"Codes: {', '.join(CODES)}.")
    return text


Topic = Annotated[Optional[str], typer.Option("--topic", help="Only what was meant for this topic.")]  # noqa: UP045
Code = Annotated[Optional[str], typer.Option("--error", callback=_code, help="Only this code.")]  # noqa: UP045


@app.command("list")
def list_letters(
    topic: Topic = None,
    error: Code = None,
    since: Annotated[Optional[str], typer.Option(help="Not before: 1h ago, or 2026-01-31T12:00:00Z.")] = None,  # noqa: UP045
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest to show.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the newest dead letters, and how many there are by topic and code."""
    begin = None if since is None else _since(since, datetime.now(timezone.utc))
    counts: Counter[tuple[str, str]] = Counter()

    def counted() -> Iterator[Letter]:
        for letter in _letters(settings(), topic, error):
            if begin is None or letter.event_time >= begin:
                counts[letter.original_topic, letter.error] += 1
                yield letter

    newest = heapq.nlargest(limit, counted(), key=lambda letter: letter.event_time)
    summary = [{"topic": name, "error": code, "count": number} for (name, code), number in counts.most_common()]
    if as_json:
        found = {"total": counts.total(), "summary": summary, "letters": [asdict(letter) for letter in newest]}
        typer.echo(json.dumps(found, indent=2))
        return
    if not counts:
        _out.print(_NONE)
        return
    table = _table("id", "when", "topic", "offset", "code", "detail")
    for letter in newest:
        origin = "" if letter.partition is None else f"{letter.partition}:{letter.offset}"
        texts = (letter.original_topic, origin, letter.error, letter.detail)
        table.add_row(letter.id, _when(letter.event_time), *map(_text, texts))
    _out.print(table)
    totals = _table("topic", "code", "letters")
    for (name, code), number in counts.most_common():
        totals.add_row(_text(name), _text(code), f"{number:,}")
    _out.print(totals)


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it: 2:1045.")],
) -> None:
    """Show one dead letter with its whole original."""
    from producers.dead_letters import harmless, pretty

    (letter,) = _named(settings(), [letter_id])
    origin = "never reached it" if letter.partition is None else f"partition {letter.partition}, offset {letter.offset}"
    typer.echo(f"id        {letter.id}")
    typer.echo(f"when      {_when(letter.event_time)}")
    typer.echo(f"topic     {harmless(letter.original_topic)} ({origin})")
    typer.echo(f"error     {harmless(letter.error)}")
    typer.echo(f"detail    {harmless(letter.detail)}")
    typer.echo("original")
    typer.echo("\n".join(f"  {line}" for line in pretty(letter.message).split("\n")))


@app.command()
def replay(
    ids: Annotated[Optional[list[str]], typer.Argument(metavar="[ID…]", help="As `list` shows them.")] = None,  # noqa: UP045
    topic: Topic = None,
    error: Code = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those that were sent before.")] = False,
) -> None:
    """Send originals to the topic they were meant for, if they keep its contract by now; the others stay.

    Exit status 1 where one that was named by its ID was not sent.
    """
    from producers import dead_letters
    from stack import topics

    if bool(ids) == bool(topic or error):
        raise UserError("Say which: either IDs, or --topic or --error.", "`tidemark dead-letters list` shows them.")
    config = settings()
    letters = _named(config, ids) if ids else _letters(config, topic, error)
    with _broker(config):
        memory = config.data_dir / "replayed" / topics.topic_id(config, config.topics.dead_letters)
    with dead_letters.Sent(memory) as sent:
        if dry_run:
            result = dead_letters.replay(letters, config, sent, None, again=again)
        else:
            result = _send(letters, config, sent, again=again)
    _report(result, dry_run=dry_run, named=bool(ids))
    if ids and (result.before or result.refused):
        raise typer.Exit(1)


def _send(letters: Iterable[Letter], config: Settings, sent: Sent, *, again: bool) -> Replay:
    from producers import dead_letters
    from producers.sink import KafkaSink, SendError

    sink = KafkaSink(config)
    try:
        return dead_letters.replay(letters, config, sent, sink, again=again)
    finally:
        try:
            sink.close()
        except SendError as error:
            raise UserError(f"{error}.", "Once Kafka is well, --again sends them, and the others once more.") from None


def _named(config: Settings, ids: list[str]) -> list[Letter]:
    """Return the letters of ``ids``. Raises UserError where one is not there: nothing is sent then."""
    found = list(_letters(config, only={_place(letter_id) for letter_id in ids}))
    missing = sorted({*ids} - {letter.id for letter in found})
    if missing:
        raise UserError(f"There is no dead letter {', '.join(missing)}.", "`tidemark dead-letters list` shows them.")
    return found


def _letters(
    config: Settings,
    topic: str | None = None,
    error: str | None = None,
    only: Collection[tuple[int, int]] | None = None,
) -> Iterator[Letter]:
    from producers import dead_letters
    from stack import topics

    with _broker(config):
        for record in topics.records(config, config.topics.dead_letters, only):
            letter = dead_letters.read(record.topic, record.partition, record.offset, record.timestamp, record.value)
            if topic in (None, letter.original_topic) and error in (None, letter.error):
                yield letter


@contextmanager
def _broker(config: Settings) -> Iterator[None]:
    """Say in a sentence that the broker does not answer."""
    from kafka.errors import KafkaError

    try:
        yield
    except KafkaError as error:
        address = endpoints.kafka_bootstrap(config)
        raise UserError(f"Kafka does not answer at {address}.", "Start the local stack with `tidemark up`.") from error


def _report(result: Replay, *, dry_run: bool, named: bool) -> None:
    from producers.dead_letters import harmless

    messages = ", ".join(f"{number:,} to {topic}" for topic, number in sorted(result.messages.items()))
    verb = "would be sent" if dry_run else "sent"
    _say(f"{len(result.sent):,} {verb}{f' ({messages})' if messages else ''}")
    if result.before:
        which = f": {', '.join(result.before)}" if named else ""
        _say(f"{len(result.before):,} were sent before{which}; --again sends them once more")
    refused = Counter(reason.code for reason in result.refused.values())
    for code, number in sorted(refused.items(), key=lambda item: (-item[1], item[0])):
        _say(f"{number:,} still refused: {code}")
    if named:
        for letter_id, reason in result.refused.items():
            _say(f"  {letter_id}  {reason.code}: {harmless(reason.detail)}")


def _place(letter_id: str) -> tuple[int, int]:
    match = _ID.fullmatch(letter_id)
    if match is None:
        raise UserError(f"{letter_id!r} is not an id of a dead letter.", "Ids look like 2:1045; `list` shows them.")
    return int(match[1]), int(match[2])


def _since(text: str, now: datetime) -> int:
    """Return the epoch ms that ``--since`` means: a duration before ``now``, or an ISO 8601 time (UTC by default)."""
    with suppress(ValueError, OverflowError):
        return (now - parse_duration(text) - _EPOCH) // _MS
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise UserError(f"--since {text!r} is not understood.", "Write 1h, or 2026-01-31T12:00:00Z.") from None
    return ((when if when.tzinfo else when.replace(tzinfo=timezone.utc)) - _EPOCH) // _MS


def _when(millis: int) -> str:
    try:
        return (_EPOCH + millis * _MS).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        return str(millis)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column == "letters" else "left", no_wrap=column != "detail")
    return table


def _text(untrusted: str) -> Text:
    from producers.dead_letters import harmless

    return Text(harmless(untrusted), no_wrap=True, overflow="ellipsis")


def _say(text: str) -> None:
    _out.print(text, markup=False, soft_wrap=True)
