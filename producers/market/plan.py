"""What will happen in a market, before it opens: jumps, decoys, the news about them, outages and divergences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from producers import headlines
from producers.market.config import MINUTE, SOURCE, Coin, MarketConfig
from producers.mentions import mentions
from producers.message import Message
from producers.sentiment import score, vader

QUIET_START = 2 * MINUTE  # no jump before, so that every window has a past …
QUIET_END = 3 * MINUTE  # … and none after, so that every window has a future
JUMP_EVERY = 5 * MINUTE
DECOY_EVERY = 10 * MINUTE
JUMP_GAP = 4 * MINUTE  # between two jumps of a pair
JUMP_MS = (1_000, 5_000)
NEWS_LEAD_MS = (2_000, 20_000)
# Percent, either way; so much inside 1.5..4 and 0.2..0.45 that rounding to the tick stays inside as well.
JUMP_PCT = (1.55, 3.95)
DECOY_PCT = (0.23, 0.42)
OUTAGE_MS = (1 * MINUTE, 3 * MINUTE)
DIVERGENCE_EVERY = 10 * MINUTE
DIVERGENCE_MS = (4 * MINUTE, 8 * MINUTE)  # so that the slower aggregator is asked at least twice
DIVERGENCE_PCT = (2.2, 3.8)  # so much inside 2..4 that an aggregator's error leaves it there
SURGE_MS = (2 * MINUTE, 4 * MINUTE)  # so that one whole minute, and more, is in it
SURGE_FACTOR = (8.0, 12.0)
SURGE_QUIET_START = 12 * MINUTE  # no surge before, so that there is a usual volume to compare it with
SHIFT_MS = (4 * MINUTE, 6 * MINUTE)
SHIFT_ARTICLES = 6
SHIFT_BEFORE = 5  # articles about the coin, of neither mood, so that there is a usual mood to compare it with
SHIFT_QUIET_START = 15 * MINUTE
# Between an outage, a divergence, a surge or a shift and a jump of the same coin, so that they can be told apart.
_APART_MS = 2 * MINUTE


@dataclass
class Jump:
    """A move that news caused. ``pct`` is what was planned until the market gets there, then what came of it."""

    symbol: str
    pair: str
    time_ms: int
    end_ms: int
    pct: float  # signed percent, from the last price before time_ms to the price at end_ms
    article_id: str
    decoy: bool


@dataclass
class Outage:
    """A time in which the trades of a pair did not arrive, though they were made. The numbers are 0 until it is over.

    ``missed`` trades have the ids from ``first_id`` to ``last_id``. The last ``returned`` of them arrive at ``back_ms``
    after all, the others never.
    """

    symbol: str
    pair: str
    time_ms: int
    end_ms: int
    first_id: int = 0
    last_id: int = 0
    missed: int = 0
    returned: int = 0
    back_ms: int = 0

    @property
    def lost(self) -> int:
        """Return how many trades never arrive: they have the ids from ``first_id`` on."""
        return self.missed - self.returned


@dataclass
class Divergence:
    """A time in which one aggregator is off by ``pct`` percent (signed) of a coin's price."""

    symbol: str
    source: str
    time_ms: int
    end_ms: int
    pct: float


@dataclass
class Surge:
    """A time in which a pair trades ``factor`` times its usual volume, at no other price."""

    symbol: str
    pair: str
    time_ms: int
    end_ms: int
    factor: float


@dataclass
class Shift:
    """A time in which the news about a coin are of one ``mood`` (good or bad); no price follows."""

    symbol: str
    time_ms: int
    end_ms: int
    mood: headlines.Mood


def plan_jumps(config: MarketConfig, rng: Random) -> list[Jump]:
    """Return the jumps and decoys in order of time; they have no articles yet."""
    first = config.start_ms + QUIET_START
    room = config.end_ms - QUIET_END - JUMP_MS[1] - first
    jumps: list[Jump] = []
    if room <= 0:
        return jumps
    for decoy, every, size in ((False, JUMP_EVERY, JUMP_PCT), (True, DECOY_EVERY, DECOY_PCT)):
        count = max(1, round(room / every))
        for number in range(count):
            begin = first + int(room / count * (number + rng.random()))
            apart = JUMP_GAP + JUMP_MS[1]
            taken = {jump.symbol for jump in jumps if abs(jump.time_ms - begin) < apart}
            free = [coin for coin in config.traded if coin.symbol not in taken]
            if not free:
                continue
            coin = rng.choice(free)
            pct = rng.choice((-1, 1)) * rng.uniform(*size)
            end = begin + rng.randint(*JUMP_MS)
            jumps.append(Jump(coin.symbol, coin.pair, begin, end, pct, "", decoy))
    return sorted(jumps, key=lambda jump: jump.time_ms)


def plan_articles(config: MarketConfig, jumps: list[Jump], shifts: list[Shift], rng: Random) -> list[Message]:
    """Return the articles of ``jumps``, which are given their ids, those of ``shifts``, and others, in order of time.

    Without those of the shifts there are as many as minutes.
    """
    planned: list[tuple[int, str, headlines.Mood, Jump | None]] = []
    for jump in jumps:
        mood: headlines.Mood = "good" if jump.pct > 0 else "bad"
        planned.append((jump.time_ms - rng.randint(*NEWS_LEAD_MS), jump.symbol, mood, jump))
    for _ in range(round(config.minutes) - len(planned)):
        published = rng.randrange(config.start_ms, config.end_ms)
        coin = rng.choice(config.traded)
        planned.append((published, coin.symbol, rng.choice(("good", "bad", "plain", "plain")), None))
    shifting = config.random("articles of shifts")
    for shift in shifts:
        before = (config.start_ms, shift.time_ms - SHIFT_MS[1])
        planned += [(shifting.randrange(*before), shift.symbol, "plain", None) for _ in range(SHIFT_BEFORE)]
        during = (shift.time_ms, shift.end_ms)
        planned += [(shifting.randrange(*during), shift.symbol, shift.mood, None) for _ in range(SHIFT_ARTICLES)]
    articles = []
    for number, plan in enumerate(sorted(planned, key=lambda plan: plan[0]), 1):
        article = _article(config, rng, number, *plan[:3])
        if plan[3] is not None:
            plan[3].article_id = article.key
        articles.append(article)
    return articles


def _article(
    config: MarketConfig, rng: Random, number: int, published: int, symbol: str, mood: headlines.Mood
) -> Message:
    title, summary = headlines.write(rng, symbol, mood, [coin.symbol for coin in config.traded])
    website, host = rng.choice(headlines.WEBSITES)
    url = f"https://{host}/{config.start_ms}/{config.seed}/{number}-{headlines.slug(title)}"
    key = sha256(url.encode()).hexdigest()
    spoken = f"{title}. {summary}"
    value = {
        "id": key,
        "title": title,
        "url": url,
        "website": website,
        "summary": summary,
        "cryptocurrencies_mentioned": mentions(spoken),
        "sentiment": score(spoken, vader),
        "source": SOURCE,
        "event_time": published,
        "ingest_time": published + rng.randint(5, 250),
    }
    return Message("articles", key, value)


def plan_surges(config: MarketConfig, events: Sequence[Jump | Outage], rng: Random) -> list[Surge]:
    """Return the surges in order of time, none near one of ``events`` of its coin."""
    surges: list[Surge] = []
    for begin, end in _spells(config, config.surges, SURGE_MS, rng, SURGE_QUIET_START):
        if free := _calm(config, begin, end, [*events, *surges]):
            coin = rng.choice(free)
            surges.append(Surge(coin.symbol, coin.pair, begin, end, round(rng.uniform(*SURGE_FACTOR), 2)))
    return surges


def plan_shifts(config: MarketConfig, jumps: list[Jump], rng: Random) -> list[Shift]:
    """Return the shifts in order of time, at most one of a coin."""
    shifts: list[Shift] = []
    for begin, end in _spells(config, config.shifts, SHIFT_MS, rng, SHIFT_QUIET_START):
        known = {shift.symbol for shift in shifts}
        if free := [coin for coin in _calm(config, begin, end, jumps) if coin.symbol not in known]:
            shifts.append(Shift(rng.choice(free).symbol, begin, end, rng.choice(("good", "bad"))))
    return shifts


def plan_outages(config: MarketConfig, jumps: list[Jump], rng: Random) -> list[Outage]:
    """Return the outages in order of time, none near a jump of its coin: no spike is to be missed for them."""
    outages: list[Outage] = []
    for begin, end in _spells(config, config.outages, OUTAGE_MS, rng):
        if free := _calm(config, begin, end, [*jumps, *outages]):
            coin = rng.choice(free)
            outages.append(Outage(coin.symbol, coin.pair, begin, end))
    return outages


def plan_divergences(config: MarketConfig, jumps: list[Jump], sources: Sequence[str], rng: Random) -> list[Divergence]:
    """Return the divergences in order of time, each of one of ``sources``, none near a jump of its coin."""
    divergences: list[Divergence] = []
    count = max(1, round((config.end_ms - config.start_ms) / DIVERGENCE_EVERY))
    for begin, end in _spells(config, count, DIVERGENCE_MS, rng):
        if free := _calm(config, begin, end, [*jumps, *divergences]):
            pct = round(rng.choice((-1, 1)) * rng.uniform(*DIVERGENCE_PCT), 2)
            divergences.append(Divergence(rng.choice(free).symbol, rng.choice(sources), begin, end, pct))
    return divergences


def _spells(
    config: MarketConfig, count: int, length: tuple[int, int], rng: Random, quiet_start: int = QUIET_START
) -> Iterator[tuple[int, int]]:
    """Yield ``count`` times when something begins and ends, spread over the market; none if it is too short."""
    first = config.start_ms + quiet_start
    room = config.end_ms - QUIET_END - length[1] - first
    for number in range(count if room > 0 else 0):
        begin = first + int(room / count * (number + rng.random()))
        yield begin, begin + rng.randint(*length)


def _calm(
    config: MarketConfig, begin: int, end: int, events: Sequence[Jump | Outage | Divergence | Surge]
) -> list[Coin]:
    """Return the coins to which none of ``events`` happens near that time."""
    busy = {event.symbol for event in events if begin - _APART_MS < event.end_ms and event.time_ms < end + _APART_MS}
    return [coin for coin in config.traded if coin.symbol not in busy]
