"""Dead letters looked at again: what one says, and sending its original to the topic that it was meant for.

Only what the contract accepts by now is sent. What came back from a topic is sent as it is. What a producer refused is
a message, or the frame of a stream that its parser could not read; such a frame goes through the parsers once more.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType

import orjson

from producers import contract, sources
from producers.contract import ContractError
from producers.message import Message
from producers.runloop import parsed
from producers.sink import Sink
from tidemark.settings import Settings

CODES: tuple[str, ...] = tuple(contract.bound("dead_letters", "error", "pattern").strip("^()$").split("|"))

_OF_FRAMES = ("not_json", "bad_frame")  # at a producer: no message was made of it
_BATCH = 1_000
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_OPEN, _CLOSE = ("[", "{"), ("]", "}")
_DEEPEST = 32  # nothing is indented further: the original may be 150,000 brackets


@dataclass(frozen=True)
class Letter:
    """A dead letter, its fields as in schemas/dead_letters.avsc; ``id`` is its own place, ``partition:offset``."""

    id: str
    original_topic: str
    partition: int | None
    offset: int | None
    error: str
    detail: str
    message: str
    event_time: int

    @property
    def origin(self) -> str:
        """Return what two letters about the same message have in common: a job begun anew writes another."""
        return self.id if self.partition is None else f"{self.original_topic}:{self.partition}:{self.offset}"


def read(topic: str, partition: int, offset: int, arrived: int, payload: bytes | None) -> Letter:
    """Return the letter at ``partition`` and ``offset`` of ``topic``, the topic of dead letters.

    What is no letter, since others may write there too, is one about itself. ``arrived``: epoch ms.
    """
    own = f"{partition}:{offset}"
    try:
        match orjson.loads(payload or b""):
            case {
                "original_topic": str(meant),
                "partition": int() | None as from_partition,
                "offset": int() | None as from_offset,
                "error": str(error),
                "detail": str(detail),
                "message": str(message),
                "event_time": int(when),
            }:
                return Letter(own, meant, from_partition, from_offset, error, detail, message, when)
    except orjson.JSONDecodeError:
        pass
    text = (payload or b"").decode("utf-8", "backslashreplace")
    return Letter(own, topic, partition, offset, "not_json", "this is not a dead letter", text, arrived)


def harmless(text: str) -> str:
    """Return ``text`` with everything that does not print, line ends included, as a terminal cannot take it amiss."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def pretty(text: str) -> str:
    """Return ``text`` for a terminal: JSON indented, with every digit and every field as it was; else as it is."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return "\n".join(map(harmless, text.split("\n")))
    lines = [""]
    depth = 0
    before = ""
    for piece in _PIECE.findall(text):
        if piece in _CLOSE:
            depth -= 1
        if (before in _OPEN and piece not in _CLOSE) or before == "," or (piece in _CLOSE and before not in _OPEN):
            lines.append("  " * min(depth, _DEEPEST))
        lines[-1] += ": " if piece == ":" else harmless(piece)
        if piece in _OPEN:
            depth += 1
        before = piece
    return "\n".join(lines)


def messages(letter: Letter, settings: Settings) -> list[Message]:
    """Return what the original of ``letter`` is to its topic. Raises ContractError where that is still not acceptable.

    A frame gives all of its messages or none; they are taken to have arrived when the frame was refused.
    """
    logical = {name: topic for topic, name in settings.topics.model_dump().items()}.get(letter.original_topic)
    if logical is None or logical in ("alerts", "dead_letters"):
        raise ContractError(letter.error, f"no messages are sent to {letter.original_topic}")
    if letter.partition is None and letter.error in _OF_FRAMES:
        found = _of_frame(letter, settings)
    else:
        found = [_of_object(logical, letter)]
    for message in found:
        contract.check(message.topic, message.value, settings.limits.max_future)
    return found


def _of_object(topic: str, letter: Letter) -> Message:
    if letter.error == "not_json" and not letter.message.isascii():
        # If it were JSON now, it would be because the job has kept bytes that are not UTF-8 as ISO 8859-1.
        raise ContractError("not_json", "the bytes were not UTF-8")
    try:
        value = orjson.loads(letter.message)
    except orjson.JSONDecodeError as error:
        raise ContractError("not_json", str(error)) from None
    key = value.get(contract.key(topic)) if type(value) is dict else None
    return Message(topic, str(key), value)


def _of_frame(letter: Letter, settings: Settings) -> list[Message]:
    found: list[list[Message]] = []
    for name in sources.STREAMS:
        results = parsed(sources.parser(name, settings), letter.message, letter.event_time)
        made = [result for result in results if isinstance(result, Message)]
        if made and len(made) == len(results):
            found.append(made)
    if len(found) != 1:  # a letter does not say whose frame it is, but no two venues send the same form
        raise ContractError(letter.error, "no source's parser makes messages of the frame")
    return found[0]


class Sent:
    """Origins of the letters that were sent again, in a file that one process at a time holds.

    An origin is in the file before its messages are sent: a replay that is cut short leaves some that were not sent,
    never messages that would be sent once more unasked.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+", encoding="ascii")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.seek(0)
        self._origins = set(self._file.read().split())

    def __enter__(self) -> Sent:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()  # which also gives the lock back

    def __contains__(self, origin: str) -> bool:
        return origin in self._origins

    def add(self, origins: Iterable[str]) -> None:
        """Keep ``origins``; they are on the disk when this returns."""
        new = [origin for origin in origins if origin not in self._origins]
        self._file.write("".join(f"{origin}\n" for origin in new))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._origins.update(new)


@dataclass
class Replay:
    """What came of a replay: ids sent, ids sent before and therefore left, and the reason of each that was refused."""

    sent: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    refused: dict[str, ContractError] = field(default_factory=dict)
    messages: Counter[str] = field(default_factory=Counter)  # by topic, as Kafka knows it


def replay(
    letters: Iterable[Letter], settings: Settings, sent: Sent, sink: Sink | None, *, again: bool = False
) -> Replay:
    """Send the originals of ``letters`` that are acceptable by now to ``sink``, or only tell which (None).

    Those in ``sent`` are left, unless ``again``. The caller closes the sink, and hears from it what did not arrive.
    """
    result = Replay()
    now: set[str] = set()
    rest = iter(letters)
    while batch := list(islice(rest, _BATCH)):
        due: list[Message] = []
        origins: list[str] = []
        for letter in batch:
            if letter.origin in now or (letter.origin in sent and not again):
                result.before.append(letter.id)
                continue
            try:
                due += messages(letter, settings)
            except ContractError as error:
                result.refused[letter.id] = error
            else:
                result.sent.append(letter.id)
                now.add(letter.origin)
                origins.append(letter.origin)
        if sink is not None:
            sent.add(origins)
        for message in due:
            result.messages[getattr(settings.topics, message.topic)] += 1
            if sink is not None:
                sink.send(message)
    return result
