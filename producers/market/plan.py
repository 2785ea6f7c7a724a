"""What will happen in a market, before it opens: jumps, decoys, and the news about them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from random import Random

from producers import headlines
from producers.market.config import MINUTE, SOURCE, MarketConfig
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


def plan_articles(config: MarketConfig, jumps: list[Jump], rng: Random) -> list[Message]:
    """Return the articles of ``jumps``, which are given their ids, and others up to one a minute, in order of time."""
    planned: list[tuple[int, str, headlines.Mood, Jump | None]] = []
    for jump in jumps:
        mood: headlines.Mood = "good" if jump.pct > 0 else "bad"
        planned.append((jump.time_ms - rng.randint(*NEWS_LEAD_MS), jump.symbol, mood, jump))
    for _ in range(round(config.minutes) - len(planned)):
        published = rng.randrange(config.start_ms, config.end_ms)
        coin = rng.choice(config.traded)
        planned.append((published, coin.symbol, rng.choice(("good", "bad", "plain", "plain")), None))
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
