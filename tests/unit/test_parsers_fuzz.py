"""Every parser on at least 10,000 frames: valid, mutated, truncated, huge, in wrong encodings.

Whatever it is given, a parser raises nothing but BadFrame; what it finds either keeps its contract or becomes a dead
letter; nothing is passed over in silence but what is documented noise; and where a frame holds items that can be
counted, accepted + dead + noise = given.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import feedparser
import hypothesis
import orjson
import pytest
from hypothesis import strategies as st

from producers import contract, runloop, sources
from producers.message import BadFrame, Message
from producers.sink import MemorySink
from producers.source import Parser
from producers.sources import newsapi, rss
from tests.captures import captures
from tests.exchange import apis
from tests.exchange.server import rss as feed_of
from tidemark.settings import load

FRAMES = 10_000
NOW = 1_763_700_000_000
SETTINGS = load()
CODES = contract.bound("dead_letters", "error", "pattern").strip("^()$").split("|")

Given = Callable[[bytes], int]


@dataclass(frozen=True)
class Case:
    """A parser, valid frames of what it reads, and how many messages and faults a frame must give by the documented
    format. ``covers`` says how many bad items a BadFrame stands for, where a parser reports several in one.
    """

    parser: Callable[[], Parser]
    frames: Callable[[], list[bytes]]
    given: Given
    texts: bool = False  # a WebSocket's frames are texts, the body of an answer is bytes
    covers: Callable[[BadFrame], int] = lambda bad: 1


# How many items a frame holds, by the documented formats alone.


def decoded(frame: bytes) -> Any:
    """Return the JSON of ``frame``; None where it is none."""
    try:
        return orjson.loads(frame)
    except orjson.JSONDecodeError:
        return None


def items(*path: str, noise: Callable[[Any], bool] = lambda item: False) -> Given:
    """Return a counter of the items of the list at ``path`` that are not ``noise``; where there is no such list, the
    frame is one fault.
    """

    def count(frame: bytes) -> int:
        content = decoded(frame)
        for name in path:
            content = content.get(name) if isinstance(content, dict) else None
        return sum(not noise(item) for item in content) if isinstance(content, list) else 1

    return count


def of_newsapi(frame: bytes) -> int:
    content = decoded(frame)
    if not isinstance(content, dict) or content.get("status") != "ok":
        return 1
    return items("articles", noise=lambda item: isinstance(item, dict) and item.get("title") == "[Removed]")(frame)


def of_coinmarketcap(frame: bytes) -> int:
    content = decoded(frame)
    status = content.get("status") if isinstance(content, dict) else None
    return 1 if isinstance(status, dict) and status.get("error_code") else items("data")(frame)


def of_fear_greed(frame: bytes) -> int:
    content = decoded(frame)
    metadata = content.get("metadata") if isinstance(content, dict) else None
    refused = isinstance(metadata, dict) and metadata.get("error") is not None
    return 1 if refused else items("data")(frame)


def of_chart(frame: bytes) -> int:
    content = decoded(frame)
    for name in ("market_caps", "total_volumes"):
        points = content.get(name) if isinstance(content, dict) else None
        if not isinstance(points, list) or not all(
            isinstance(p, list) and len(p) == 2 and type(p[0]) is int for p in points
        ):
            return 1
    return items("prices")(frame)


def of_csv(frame: bytes) -> int:
    try:
        lines = frame.decode().split("\n")
    except UnicodeDecodeError:
        return 1
    if lines[0].rstrip("\r") not in ("observation_date,DFF", "DATE,DFF"):
        return 1
    rows = [line.removesuffix("\r") for line in lines[1:]]
    return sum(bool(row) and not missing(row) for row in rows)


def missing(row: str) -> bool:
    """Return whether a row has a good date and no value."""
    day, comma, value = row.partition(",")
    return comma != "" and value in ("", ".") and is_date(day)


def is_date(day: Any) -> bool:
    parts = day.split("-") if isinstance(day, str) and day.isascii() else []
    if [len(part) for part in parts if part.isdecimal()] != [4, 2, 2]:
        return False
    try:
        return bool(date(*map(int, parts)))
    except ValueError:
        return False


def of_observations(frame: bytes) -> int:
    def without_value(item: Any) -> bool:
        return isinstance(item, dict) and item.get("value") in ("", ".") and is_date(item.get("date"))

    return items("observations", noise=without_value)(frame)


@lru_cache(maxsize=1)
def entries(frame: bytes) -> Any:
    """Return what feedparser makes of a feed, for the parser and for the count of its entries: it takes 1 ms."""
    return feedparser.parse(BytesIO(frame))


def read_feed(frame: str | bytes, now: int) -> list[Message | BadFrame]:
    """Parse a feed, without TextBlob, which is no part of the parser, and slow."""
    with patch.object(rss, "feedparser", SimpleNamespace(parse=lambda stream: entries(stream.getvalue()))):
        return list(rss.parse(frame.encode() if isinstance(frame, str) else frame, "News", now, neutral))


def of_feed(frame: bytes) -> int:
    try:
        feed = entries(frame)
    except Exception:  # noqa: BLE001 - whatever it is, the parser must say that it is no feed
        return 1
    return len(feed.entries) if feed.get("version") or feed.entries else 1


def of_binance(frame: bytes) -> int:
    content = decoded(frame)
    stream = ""
    if isinstance(content, dict) and "stream" in content and "data" in content:
        stream, content = str(content["stream"]), content["data"]
    if isinstance(content, list):
        return 0 if stream.startswith("!") else 1
    if not isinstance(content, dict) or content.get("e") in ("trade", "aggTrade"):
        return 1
    if stream.endswith(("@trade", "@aggTrade")):
        return 1
    known = isinstance(content.get("e"), str) or stream or content.keys() >= {"u", "s", "b", "a"}
    untyped = content.keys() & {"lastUpdateId", "result", "error", "id", "code"}
    return 0 if known or untyped else 1


def of_kraken(frame: bytes) -> int:
    content = decoded(frame)
    if isinstance(content, dict):
        if content.get("channel") in ("ticker", "trade"):
            data = content.get("data")
            return len(data) if isinstance(data, list) else 1
        words = any(isinstance(content.get(name), str) for name in ("channel", "event", "method"))
        refused = content.get("success") is False or content.get("status") == "error" or "error" in content
        return 0 if words or refused else 1
    if not isinstance(content, list) or len(content) < 4:
        return 1
    *_, payload, channel, pair = content
    if not isinstance(channel, str) or not isinstance(pair, str):
        return 1
    if channel not in ("ticker", "trade"):
        return 0
    payload = content[1]
    return len(payload) if len(content) == 4 and channel == "trade" and isinstance(payload, list) else 1


def of_kraken_bad(bad: BadFrame) -> int:
    """Return how many items of a frame are bad: Kraken's parser keeps the frame whole and says it in the detail."""
    _, bracket, counted = bad.detail.rpartition(" (")
    return int(counted.split(" of ")[0]) if bracket and counted.endswith(" items)") else 1


def lines(name: str, wanted: Callable[[str], bool] = lambda line: True) -> list[bytes]:
    found = (captures() / "frames" / name).read_text(encoding="utf-8").splitlines()
    return [line.encode() for line in found if wanted(line)]


def body(content: Any) -> list[bytes]:
    return [json.dumps(content).encode()]


def binance_lines() -> list[bytes]:
    trades = lines("binance.jsonl", lambda line: "rade" in line)
    return trades * 6 + lines("binance.jsonl")[:12]


def kraken_v1_lines() -> list[bytes]:
    return lines("kraken_v1.jsonl", lambda line: line.startswith("["))[:24] + lines("kraken_v1.jsonl")[:4]


def feeds() -> list[bytes]:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><title>Solana</title>'
        '<link href="https://news.test/s"/><updated>2025-01-02T05:04:05+02:00</updated></entry></feed>'
    )
    one = ("Bitcoin soars", "https://news.test/a?utm_source=x", "<p>Great &amp; <b>good</b> for ETH</p>", apis.DAY)
    return [feed_of(one, ("Second", "https://news.test/b", "", apis.DAY)).encode(), atom.encode()]


def capture_of_fred() -> list[bytes]:
    whole = (captures() / "macro" / "fred_dff.csv").read_bytes()
    return [whole, b"DATE,DFF\r\n2025-01-01,.\r\n2025-01-02,\r\n2025-01-03,-0.5\r\n"]


ROWS = [("2025-01-01", "."), ("2025-01-02", "4.33"), ("2025-01-03", "-0.5")]

CASES = {
    "binance": Case(lambda: sources.parser("binance", SETTINGS), binance_lines, of_binance, texts=True),
    "kraken_v1": Case(
        lambda: sources.parser("kraken", SETTINGS), kraken_v1_lines, of_kraken, texts=True, covers=of_kraken_bad
    ),
    "kraken_v2": Case(
        lambda: sources.parser("kraken", SETTINGS),
        lambda: lines("kraken_v2.jsonl"),
        of_kraken,
        texts=True,
        covers=of_kraken_bad,
    ),
    "rss": Case(lambda: read_feed, feeds, of_feed),
    "newsapi": Case(
        lambda: lambda frame, now: newsapi.parse(frame, now, neutral),
        lambda: body(
            {"status": "ok", "totalResults": 2, "articles": [apis.article(1), apis.removed(), apis.article(2)]}
        ),
        of_newsapi,
    ),
    "coingecko": Case(
        lambda: sources.parser("coingecko", load(coingecko={"coins": []})),
        lambda: body([apis.market("bitcoin", ["1h", "24h", "7d"]), apis.market("ethereum", [])]),
        lambda frame: len(content) if isinstance(content := decoded(frame), list) else 1,
    ),
    "coingecko history": Case(
        lambda: sources.parser("coingecko:BTC", SETTINGS),
        lambda: body({name: points[:4] for name, points in apis.chart(2).items()}),
        of_chart,
    ),
    "coinmarketcap": Case(
        lambda: sources.parser("coinmarketcap", SETTINGS), lambda: body(apis.listings(2)), of_coinmarketcap
    ),
    "fred csv": Case(lambda: sources.parser("fred:DFF", SETTINGS), capture_of_fred, of_csv),
    "fred api": Case(
        lambda: sources.parser("fred:DFF", SETTINGS), lambda: body(apis.observations(ROWS)), of_observations
    ),
    "fear_greed": Case(lambda: sources.parser("fear_greed", SETTINGS), lambda: body(apis.fear_greed(3)), of_fear_greed),
}


def neutral(text: str) -> float:
    return 0.0


# What is done to valid frames.

DEEP: Any = 0
for _ in range(600):
    DEEP = [DEEP]
EVIL: list[Any] = [
    *(None, True, False, 0, -1, 1, 10**18, 2**63 - 1, -(2**63), 1e308, 5e-324, -0.0, 0.1),
    *("", " ", ".", "-", "NaN", "Infinity", "1e999", "-1", "0", "1", "1,5", "0x10", "٣", "1" * 60, "1e-400", "\0"),
    *("2025-02-30", "0000-00-00", "9999-12-31T23:59:59.999999999Z", "2025-03-04T12:34:60Z", "2025-01-02T03:04:05Z"),
    *("https://[::1", "javascript:alert(1)", "http://x/\ud83d", "BTC", "BTC/USD", "usd", "A" * 5000, "[Removed]"),
    *([], {}, [[]], [{}], {"": ""}, [1, 2], ["1", "2", "3", "4"], "trade", "ticker", "ok", "error", "s", "buy", DEEP),
]  # fmt: skip
BYTES = [
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"<",
    b"&",
    b"\n",
    b"\r",
    b".",
    b"-",
]


def paths(content: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in ``content``."""
    yield here
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in inside:
        yield from paths(value, (*here, name))


@cache
def taken_apart(frame: bytes) -> tuple[Any, list[tuple[Any, ...]]]:
    """Return what a valid frame says, not to be changed, and the way to every value in it."""
    content = json.loads(frame)
    return content, list(paths(content))


def replaced(content: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None], new: Any) -> Any:
    """Return a copy of ``content`` in which ``change(holder, name)`` was done at ``path``; ``new`` at the root."""
    if not path:
        return new
    copy = orjson.loads(orjson.dumps(content))
    holder = copy
    for name in path[:-1]:
        holder = holder[name]
    change(holder, path[-1])
    return copy


def in_structure(frame: bytes, chance: random.Random) -> bytes:
    """Change, drop, rename or repeat one value of a JSON frame."""
    content, places = taken_apart(frame)
    path = chance.choice(places)
    new = chance.choice(EVIL)

    def change(holder: Any, name: Any) -> None:
        kind = chance.randrange(8)
        if kind == 0:
            del holder[name]
        elif kind == 1 and isinstance(holder, dict):
            holder[name + "x"] = holder.pop(name)
        elif kind == 1:
            holder[name:name] = [holder[name]] * chance.randrange(1, 4)
        else:
            holder[name] = new

    return json.dumps(replaced(content, path, change, new)).encode("utf-8", "surrogatepass")


def in_text(frame: bytes, chance: random.Random) -> bytes:
    """Replace a token of a CSV or XML frame."""
    separators = b",\n" if frame[:1] in b"oD" else b"<>"
    starts = [i + 1 for i, byte in enumerate(frame) if byte in separators]
    start = chance.choice(starts)
    end = min(
        [frame.find(byte, start) for byte in (bytes([s]) for s in separators) if frame.find(byte, start) >= 0]
        or [len(frame)]
    )
    return frame[:start] + str(chance.choice(EVIL)).encode("utf-8", "surrogatepass") + frame[end:]


def cut(frame: bytes, chance: random.Random) -> bytes:
    return frame[: chance.randrange(len(frame) + 1)]


def flipped(frame: bytes, chance: random.Random) -> bytes:
    changed = bytearray(frame)
    for _ in range(chance.randrange(1, 5)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def spliced(frame: bytes, chance: random.Random) -> bytes:
    """Insert bytes, drop or repeat a piece."""
    i, j = sorted(chance.randrange(len(frame) + 1) for _ in range(2))
    return chance.choice([frame[:i] + chance.choice(BYTES) + frame[i:], frame[:i] + frame[j:], frame[:j] + frame[i:]])


def encoded(frame: bytes, chance: random.Random) -> bytes:
    text = frame.decode()
    return chance.choice([
        text.encode("utf-16"), text.encode("utf-32-le"), text.replace("i", "é").encode("latin-1"),
        b"\xef\xbb\xbf" + frame, frame.hex().encode(), b"\x1f\x8b" + frame,
    ])  # fmt: skip


def huge(frame: bytes, chance: random.Random) -> bytes:
    """Repeat what is in the middle, or add a long run of one byte."""
    if chance.random() < 0.5:
        return frame + frame * chance.randrange(2, 20)
    i = chance.randrange(len(frame))
    return frame[:i] + chance.choice([b"9", b"a", b" ", b"[", b"<"]) * 20_000 + frame[i:]


def mutated(frames: list[bytes], chance: random.Random) -> bytes:
    """Return one of ``frames``: half of the time with a value replaced, one in ten as it is."""
    frame = chance.choice(frames)
    draw = chance.random()
    if draw < 0.1:
        return frame
    if draw < 0.6:
        return in_structure(frame, chance) if frame[:1] in b"[{" else in_text(frame, chance)
    if draw < 0.995:
        return chance.choice([cut, flipped, spliced, encoded])(frame, chance)
    return huge(frame, chance)


# What must hold.


def check(case: Case, parse: Parser, frame: bytes, sink: MemorySink, tally: Counter[str]) -> None:
    """Parse ``frame`` and hold what came of it against what was in it."""
    given: str | bytes = frame
    if case.texts:
        with suppress(UnicodeDecodeError):  # then it is a binary message
            given = frame.decode()
    results = runloop.parsed(parse, given, NOW)
    accepted = dead = 0
    for result in results:
        if isinstance(result, Message):
            accepted += 1
            continue
        dead += case.covers(result)
        assert result.code in CODES, result
        assert result.detail
        assert result.original is not None
        assert result.topic in sink._topics
    expected = case.given(frame)
    whole = [result for result in results if isinstance(result, BadFrame) and "nested too deeply" in result.detail]
    if not whole:
        assert accepted + dead == expected, (frame[:2000], results)
    sink.payloads.clear()
    before = sink.counts.sent.total() + sink.counts.dead.total()
    runloop.deliver(results, sink)
    assert sink.counts.sent.total() + sink.counts.dead.total() - before == len(results)
    assert len(sink.payloads) == len(results)
    tally["accepted"] += accepted
    tally["dead"] += dead
    tally["noise"] += not results
    tally["mixed"] += accepted > 0 and dead > 0


@pytest.mark.parametrize("name", CASES)
def test_10_000_frames(name: str) -> None:
    case = CASES[name]
    frames, parse, sink = case.frames(), case.parser(), MemorySink(SETTINGS)
    chance = random.Random(name)
    tally: Counter[str] = Counter()
    for frame in frames:
        check(case, parse, frame, sink, tally)
    assert tally["dead"] == 0, "the frames that the others are made from are sound"
    for _ in range(FRAMES):
        check(case, parse, mutated(frames, chance), sink, tally)
    assert min(tally["accepted"], tally["dead"]) > FRAMES / 10, tally


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(EVIL),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=12,
)


@pytest.mark.parametrize("name", CASES)
@hypothesis.settings(max_examples=60, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(data=st.data())
def test_any_frame(name: str, data: st.DataObject) -> None:
    """Bytes, texts and JSON of every kind, alone and in place of a value of a valid frame."""
    case = CASES[name]
    valid = data.draw(st.sampled_from(case.frames()))
    strange = st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
    as_json = json_values.map(lambda value: json.dumps(value).encode())
    if valid[:1] in b"[{":
        content, places = taken_apart(valid)
        path = data.draw(st.sampled_from(places))
        put = json_values.map(
            lambda new: json.dumps(
                replaced(content, path, lambda holder, name: holder.__setitem__(name, new), new)
            ).encode()
        )
    else:
        put = strange.map(lambda piece: valid[: len(valid) // 2] + piece + valid[len(valid) // 2 :])
    check(case, case.parser(), data.draw(put | as_json | strange), MemorySink(SETTINGS), Counter())
