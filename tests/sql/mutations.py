"""Messages as a broken or hostile producer might send them: sound ones, spoilt in every way, the same for a seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from random import Random
from typing import Any

TOPICS = ("trades", "tickers", "articles", "prices", "market_sentiment", "macro")
FIRST_DAY = date(1955, 1, 1)  # macro message n is of n days later
START = 1_760_000_000_000  # 2025-10-09; message n happened n * 10 ms later, and was received n ms after this
_FUTURE = 4_000_000_000_000  # 2096
_EARLIEST = 1_230_940_800_000  # the schemas' bound

Value = dict[str, Any]


def _id(n: int) -> str:
    return sha256(str(n).encode()).hexdigest()  # so that a changed character makes it nobody else's


def sound(topic: str, n: int) -> Value:
    """Return the sound message number ``n``; its key, and its ingest or else event time, are those of no other."""
    times = {"event_time": START + 10 * n, "ingest_time": START + n}
    market = {"source": "fuzz", "symbol": "BTC", "pair": "BTC/USDT"}
    if topic == "trades":
        return {**market, "trade_id": _id(n)[:16], "price": 100.5 + n, "quantity": 0.25, "side": "buy", **times}
    if topic == "tickers":
        numbers = {"last": 100.5, "bid": 100.0, "ask": 101.0, "volume_24h": 5.0, "change_pct": -0.5}
        return {**market, "pair": f"BTC/{_id(n)[:16].upper()}", **numbers, **times}
    if topic == "prices":
        optional = ("market_cap", "volume_24h", "change_1h", "change_24h", "change_7d", "ath", "atl")
        coin = {"crypto_id": "bitcoin", "symbol": _id(n)[:16].upper(), "name": f"Cöin {n}" if n % 2 else f"Coin {n}"}
        numbers = {"price_usd": 100.5, **dict.fromkeys(optional, 50.5), "circulating_supply": 2.1e7}
        return {**coin, "source": "fuzz", **numbers, **times}
    if topic == "market_sentiment":
        return {"source": _id(n)[:16], "value": n % 101, "classification": "Fear", "event_time": times["event_time"]}
    if topic == "macro":
        day = FIRST_DAY + timedelta(days=n)
        midnight = (day - date(1970, 1, 1)) // timedelta(milliseconds=1)
        what = {"indicator": _id(n)[:16].upper(), "value": 5.25, "date": day.isoformat(), "frequency": "daily"}
        return {**what, "event_time": midnight}
    return {
        "id": _id(n),
        "title": f"Títle {n}",
        "url": f"https://news.example/{n}",
        "website": "News",
        "summary": "",
        "cryptocurrencies_mentioned": ["BTC", "ETH"],
        "sentiment": {"score": 0.5, "polarity": 0.0, "label": "neutral"},
        "source": "rss",
        **times,
    }


def _key(value: Value, rng: Random) -> str:
    # The times tell messages apart, so they are not spoilt as often as the rest.
    return rng.choice([name for name in value if not name.endswith("_time")] * 4 + _time_names(value))


def _time_names(value: Value) -> list[str]:
    return [name for name in value if name.endswith("_time")]


def _number(value: Value, rng: Random) -> str:
    numbers = [name for name, found in value.items() if isinstance(found, (float, int)) and not name.endswith("_time")]
    return rng.choice(numbers or ["event_time"])


def _text(value: Value, rng: Random) -> str:
    return rng.choice([name for name, found in value.items() if isinstance(found, str)])


def _put(value: Value, name: str, written: bytes) -> bytes:
    """Return the message with ``written`` as it is for the value of ``name``."""
    return dumps({**value, name: "\x01"}).replace(b'"\\u0001"', written, 1)


def dumps(value: Any) -> bytes:
    """Return compact JSON in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


_TYPES = (
    b'"text"', b"1", b"-1", b"1.5", b"true", b"false", b"null", b"{}", b"[]", b'{"a":{"b":[1,{"c":null}]}}',
    b"[1,2]", b'["BTC"]', b'[["BTC"]]', b'[{"a":1}]', b'""', b'" "', b'"null"', b'{"score":0.5}', b'[null]',
    b'["a,b",""]', b'{"score":0.5,"polarity":0,"label":"neutral","more":[1]}',
    b'{"score":"x","polarity":0,"label":"neutral"}', b'{"label":"neutral","polarity":0,"score":0.5}',
    b'{"score":0.5,"polarity":0,"label":"neutral"', b"\"a\\nb\"", dumps([f"{Random(1).getrandbits(40_000):x}"]),
    b'["BTC","BTC"]', b'["\\u0000","B\\u0000TC"]', b'["\\ud800"]', b"[[],{}]", b'[""]',
)  # fmt: skip
_NUMBERS = (
    b"0", b"-0.0", b"-0", b"1e-320", b"1E-400", b"1e9", b"1e9", b"1000000000", b"1000000001", b"1e400",
    b"-1e400", b"1e+2", b"1.0000000000000000000000000000001", b"9" * 400, b"9" * 1500,
    b"0." + b"0" * 1500 + b"1", b"1" + b"0" * 25, b"01", b"+1", b".5", b"5.", b"1e", b"1e+", b"0x10", b"1_000",
    b"1,5", b"NaN", b"-NaN", b"Infinity", b"-Infinity", b'"NaN"', b'"Infinity"', b'"1.5"', b'" 1.5 "',
    b'"1.5d"', b'"0x1p3"', b'"1e400"', b'"1,5"', b"--1", b"1.5.5", b"1 5", b"\xd9\xa1", b'"\xd9\xa1"',
    b"2.2250738585072012e-308", b"4.9e-324", b"1e-5", b"123456789.123456789", b"999999999.9999999", b"0.1e1",
    b"1e0000000000001", b"1e99999999999",
)  # fmt: skip
_TIMES = (
    b"0", b"-1", str(_EARLIEST).encode(), str(_EARLIEST-1).encode(), str(_FUTURE).encode(), b"1760000000000.0",
    b"1760000000000.5", b"1.76e12", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809",
    b"1" * 30, b'"1760000000000"', b'"2025-10-09"', b"1760000000", b"1760000000000000", b"4102444800000",
    b"4102444800001", b"true", b"null", b'" 1760000000001 "', b"01760000000000", b"253402300800000",
    b"9223372036854775000", b"-62135596800001",
)  # fmt: skip
_TEXTS = (
    b'"\\u0000"', b'"a\\u0000b"', b'"\x00"', b'"a\x01b"', b'"a\nb"', b'"a\tb"', b'"\\ud800"', b'"\\udc00x"',
    b'"\\ud83d\\ude00"', b'"\xf0\x9f\x98\x80"', b'"\xff"', b'"\xc3"', b'"\xc3("', b'"\xed\xa0\x80"',
    b'"\xc0\x80"', b'"\xf8\x88\x80\x80\x80"', b'"\xf4\x90\x80\x80"', b'"\xef\xbf\xbd"', b'"\xef\xbb\xbf"',
    b'"\\x41"', b'"\\u12"', b'"\\"', b'"a"b"', b"'a'", b'"\\/"', b'"BTC\\/USDT"', b'"\\u0042TC"',
    b'"BTC/USDT\\n"', b'"btc/usdt"', b'"BTCUSDT"', b'"BTC/USDT "', b'"BUY"', b'"sell\\n"', b'"https://x"',
    b'"http://\\u0000"', b'"' + b"x" * 70_000 + b'"', b'"' + b"\\u0041" * 30_000 + b'"', b'"\xe2\x80\xa8"',
    b'"\x7f"', b'"\xc2\x85"', b'"${KAFKA}"', b"\"'; DROP TABLE trade_data; --\"", b'"\\\\"', b'"\\u00e9"',
    b'"\xf0\x9f\x98"', b'"\\ud83d"', b'"\\ude00\\ud83d"', b'"2023-02-30"', b'"0000-00-00"', b'"2024-02-29"',
)  # fmt: skip
_EXTRAS = (
    b"1", b'"x"', b"null", b"{}", b'{"a":[1,2,{"b":"]}"}]}', b"[[[[]]]]", b"[" * 900 + b"]" * 900,
    b"[" * 1100 + b"]" * 1100, b'"\xff"', b'"\\ud800"', b'"\x00"', b'"\n"', b"NaN", b"01", b"1e400",
    b"9" * 1500, b"tru", b"undefined", b'"\xed\xa0\x80"', b'{"a":1,"a":2}', b"{'a':1}", b"[1,]", b"{,}",
    b'{"a" 1}', b'{"a":}', b"[1 2]", b'"\\x"', b"", b"-", b"/* c */ 1", b"1 // c\n", b"+1", b"1.e5",
    b'{"a":"\\u0000"}',
)  # fmt: skip
_WHOLE = (
    None, b"", b" ", b"\n\t ", b"null", b"true", b"1", b'"x"', b"[]", b"{}", b"{", b"}", b"[{}]", b"{}{}",
    b"{} {}", b"{}x", b"\x00", b"{\x00}", b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"\xff\xfe", b"<html>502</html>",
    b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b"{,}", b"{a:1}", b"{'a':1}", b'{"a":1}}', b"//", b"/**/{}",
    b"NaN", b"\xc2\xa0{}", b"{}\xc2\xa0", b"nul", b"-", b"0x1", b"\x1f\x8b\x08\x00", b"\x00\x00\x00\x00\x01",
    b"[" * 5000, b'{"a":' * 5000, b"\\", b"undefined", b"\xf0\x9f\x98\x80",
)  # fmt: skip
_TAILS = (
    b" ", b"\n", b"\r\n", b"\x00", b"x", b"}", b"]", b",", b"{}", b"[]", b"1", b'"x"', b"null", b"\xff",
    b"\xef\xbb\xbf", b"\xc2\xa0",
)  # fmt: skip
_HEADS = (
    b" ", b"\n", b"\t\r\n", b"\x00", b"x", b"{", b"[", b"\xef\xbb\xbf", b"\xff", b"\xc2\xa0", b"\x0c", b"1",
    b")]}'\n", b"\x1e",
)  # fmt: skip
# One of each is enough: as long as Kafka takes, and longer still once they are written as a JSON text.
LONG = (
    b"\x01" * 900_000,
    b"\xff" * 900_000,
    b'{"a":"' + b"\xe2\x82\xac" * 300_000 + b'"}',
    b'{"a":"' + b"\\\\" * 400_000 + b'"}',
    b"[" * 800_000,
)


def _truncated(value: Value, rng: Random) -> bytes:
    whole = dumps(value)
    return whole[: rng.choice([rng.randrange(len(whole)), len(whole) - rng.randint(1, 3)])]


def _trailing(value: Value, rng: Random) -> bytes:
    return dumps(value) + rng.choice([*_TAILS, dumps(value)])


def _leading(value: Value, rng: Random) -> bytes:
    return rng.choice(_HEADS) + dumps(value)


def _wrapped(value: Value, rng: Random) -> bytes:
    whole = dumps(value)
    return rng.choice(
        [b"[" + whole + b"]", b'{"data":' + whole + b"}", dumps(whole.decode()), b"[" + whole, b'{"":' + whole + b"}"]
    )


def _encoded(value: Value, rng: Random) -> bytes:
    codec = rng.choice(["latin-1", "utf-8-sig", "utf-7", "cp037"])
    return dumps(value).decode().encode(codec)


def _bytes_changed(value: Value, rng: Random) -> bytes:
    whole = bytearray(dumps(value))
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(whole))
        kind = rng.randrange(3)
        if kind == 0:
            whole[at] = rng.randrange(256)
        elif kind == 1:
            del whole[at]
        else:
            whole.insert(at, rng.choice(b'{}[]",:\\ \n\x000123456789eE+-.ntf\xff\xc3'))
    return bytes(whole)


def _repeated_key(value: Value, rng: Random) -> bytes:
    name = _key(value, rng)
    again = rng.choice([dumps(value[name]), b"null", b"{}", b"1", b'"z"'])
    body = dumps(value)[1:-1]
    extra = dumps(name) + b":" + again
    return b"{" + (body + b"," + extra if rng.random() < 0.5 else extra + b"," + body) + b"}"


def _extra_field(value: Value, rng: Random) -> bytes:
    name = rng.choice(
        [
            b'"more"',
            b'"PRICE"',
            b'""',
            b'"Price"',
            b'"\\u0070rice"',
            b'"a\\u0000"',
            b'"\xff"',
            b"more",
            b"'more'",
            b'"event_time "',
        ]
    )
    extra = name + b":" + rng.choice(_EXTRAS)
    body = dumps(value)[1:-1]
    where = rng.randrange(3)
    if where == 0:
        return b"{" + extra + b"," + body + b"}"
    if where == 1:
        return b"{" + body + b"," + extra + b"}"
    fields = [dumps({name: found})[1:-1] for name, found in value.items()]
    fields.insert(rng.randrange(1, len(fields)), extra)
    return b"{" + b",".join(fields) + b"}"


def _reordered(value: Value, rng: Random) -> bytes:
    names = rng.sample(list(value), len(value))
    return dumps({name: value[name] for name in names})


def _missing(value: Value, rng: Random) -> bytes:
    gone = set(rng.sample(list(value), rng.choice([1, 1, 1, 2, len(value)])))
    return dumps({name: found for name, found in value.items() if name not in gone})


def _spaced(value: Value, rng: Random) -> bytes:
    return json.dumps(value, indent=rng.choice([None, 1]), ensure_ascii=rng.random() < 0.5).encode()


def _commas(value: Value, rng: Random) -> bytes:
    whole = dumps(value)
    return rng.choice(
        [
            whole[:-1] + b",}",
            b"{," + whole[1:],
            whole.replace(b",", b",,", 1),
            whole.replace(b",", b" ", 1),
            whole.replace(b":", b"=", 1),
            whole.replace(b'"', b"'"),
        ]
    )


Mutation = Callable[[Value, Random], "bytes | None"]
MUTATIONS: dict[str, Mutation] = {
    "sound": lambda value, rng: dumps(value),
    "whole": lambda value, rng: rng.choice(_WHOLE),
    "truncated": _truncated,
    "trailing": _trailing,
    "leading": _leading,
    "wrapped": _wrapped,
    "encoded": _encoded,
    "bytes_changed": _bytes_changed,
    "repeated_key": _repeated_key,
    "extra_field": _extra_field,
    "reordered": _reordered,
    "missing": _missing,
    "spaced": _spaced,
    "commas": _commas,
    "wrong_type": lambda value, rng: _put(value, _key(value, rng), rng.choice(_TYPES)),
    "odd_number": lambda value, rng: _put(value, _number(value, rng), rng.choice(_NUMBERS)),
    "odd_time": lambda value, rng: _put(value, rng.choice(_time_names(value)), rng.choice(_TIMES)),
    "odd_text": lambda value, rng: _put(value, _text(value, rng), rng.choice(_TEXTS)),
}


@dataclass(frozen=True)
class Spoilt:
    """Message ``n`` of ``topic``, what was done to it, and its bytes."""

    n: int
    topic: str
    mutation: str
    payload: bytes | None


def spoilt(count: int, seed: int) -> Iterator[Spoilt]:
    """Yield ``count`` messages, a sound one now and then, and the longest ones."""
    rng = Random(seed)
    for n, payload in enumerate(LONG):
        yield Spoilt(count + n, rng.choice(TOPICS), "long", payload)
    for n in range(count):
        topic = rng.choice(TOPICS)
        mutation = rng.choice(list(MUTATIONS))
        yield Spoilt(n, topic, mutation, MUTATIONS[mutation](sound(topic, n), rng))
