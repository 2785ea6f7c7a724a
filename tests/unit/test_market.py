"""The simulated market keeps what it promises: same seed, same bytes; calm but for jumps; faults that are faults."""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from hashlib import sha256
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import contract, headlines
from producers.coins import COINS as KNOWN_COINS
from producers.market import COINS, DAY, FAULTS, MINUTE, Arrival, Coin, Jump, Market, MarketConfig
from producers.market.faults import deliver, spoil
from producers.mentions import mentions
from producers.message import Message
from producers.sentiment import SCORERS, score
from tidemark.errors import UserError

Trades = dict[str, list[tuple[int, float]]]  # per pair: event times in epoch ms, and prices

START = 1_760_000_000_000
STREAMED = ("trades", "tickers", "articles")
WATERMARK_MS = 10_000


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(MarketConfig(START, malformed=0.01, late=0.005))


@pytest.fixture(scope="module")
def arrivals(market: Market) -> list[Arrival]:
    return list(market.arrivals())


@pytest.fixture(scope="module")
def sound(arrivals: list[Arrival]) -> list[Message]:
    return sorted(
        (a.message for a in arrivals if a.kind in ("sound", "late")), key=lambda m: int(m.value["event_time"])
    )


def wire(arrivals: Iterable[Arrival]) -> str:
    """Return a digest of everything as it is sent."""
    digest = sha256()
    for arrival in arrivals:
        message = arrival.message
        body = arrival.payload if arrival.kind == "malformed" else contract.encode(message.value)
        digest.update(f"{arrival.at_ms} {message.topic} {message.key} ".encode() + body + b"\n")
    return digest.hexdigest()


def prices(messages: Iterable[Message]) -> Trades:
    """Return per pair the trades' event times and prices, in order of trade id."""
    trades = defaultdict(list)
    for message in messages:
        if message.topic == "trades":
            value = message.value
            trades[value["pair"]].append((int(value["trade_id"]), value["event_time"], value["price"]))
    return {pair: [(at, price) for _, at, price in sorted(rows)] for pair, rows in trades.items()}


def largest_range_pct(rows: list[tuple[int, float]], leave_out: list[Jump]) -> float:
    """Return the largest high over low, in percent, of all 60 s that touch no jump of ``leave_out``."""
    window: deque[tuple[int, float]] = deque()
    highs: deque[float] = deque()
    lows: deque[float] = deque()
    largest = 0.0
    for at, price in rows:
        window.append((at, price))
        while highs and highs[-1] < price:
            highs.pop()
        while lows and lows[-1] > price:
            lows.pop()
        highs.append(price)
        lows.append(price)
        while window[0][0] < at - 60_000:
            _, gone = window.popleft()
            if highs[0] == gone:
                highs.popleft()
            if lows[0] == gone:
                lows.popleft()
        if not any(jump.time_ms <= at and window[0][0] <= jump.end_ms for jump in leave_out):
            largest = max(largest, (highs[0] / lows[0] - 1) * 100)
    return largest


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(),
    minutes=st.floats(1, 8),
    coins=st.integers(1, 3),
    rate=st.floats(0.5, 5),
    share=st.floats(0, 0.5),
    outages=st.integers(0, 3),
)
def test_the_same_configuration_gives_the_same_bytes(
    seed: int, minutes: float, coins: int, rate: float, share: float, outages: int
) -> None:
    config = MarketConfig(START, minutes, seed, rate, coins, share, share, share, outages)
    assert wire(Market(config).arrivals()) == wire(Market(config).arrivals())


def test_another_seed_gives_another_market() -> None:
    first, second = (wire(Market(MarketConfig(START, 2, seed)).arrivals()) for seed in (1, 2))
    assert first != second


def test_what_is_polled_changes_nothing_of_what_is_streamed() -> None:
    config = MarketConfig(START, 12, 99, 3, 4, 0.05, 0.05, 0.05)
    market = Market(config)
    streamed = (message for message in market.messages() if message.topic in STREAMED)
    alone = deliver(config, streamed, {"articles": market.articles}, [])
    assert wire(alone) == wire(a for a in Market(config).arrivals() if a.message.topic in STREAMED)


def test_another_start_gives_the_same_prices_with_other_ids() -> None:
    later = 987_654_321
    first, second = (
        [m for m in Market(MarketConfig(start, 10)).messages() if m.topic not in ("market_sentiment", "macro")]
        for start in (START, START + later)
    )
    for one, two in zip(first, second, strict=True):
        assert two.value["event_time"] - one.value["event_time"] == later
        assert [one.value.get(name) for name in ("price", "last", "price_usd", "title")] == [
            two.value.get(name) for name in ("price", "last", "price_usd", "title")
        ]
    identity = [
        {(m.topic, m.key, m.value.get("trade_id")) for m in ms if m.topic in ("trades", "articles")}
        for ms in (first, second)
    ]
    assert not identity[0] & identity[1]


def test_other_faults_leave_the_market_as_it_is() -> None:
    one, two = (
        Market(
            MarketConfig(START, 12, coins=2, duplicates=share, late=share, malformed=share, outages=round(share * 4))
        )
        for share in (0.0, 0.3)
    )
    assert list(one.messages()) == list(two.messages())
    assert all(arrival.kind == "sound" for arrival in one.arrivals())


def test_every_sound_message_keeps_its_contract(sound: list[Message]) -> None:
    for message in sound:
        contract.check(message.topic, message.value)
        assert tuple(message.value) == contract.fields(message.topic)


def test_what_is_in_the_market(sound: list[Message]) -> None:
    counts = Counter(message.topic for message in sound)
    assert counts["trades"] == pytest.approx(10 * 4 * 30 * 60, rel=0.03)
    assert counts["tickers"] == pytest.approx(10 * 30 * 60 / 2, rel=0.01)
    assert counts["articles"] == 30
    assert {m.value["pair"] for m in sound if m.topic == "trades"} == {coin.pair for coin in COINS}
    timed = [m for m in sound if m.topic not in ("market_sentiment", "macro")]
    assert all(START <= m.value["event_time"] < START + 30 * MINUTE for m in timed)
    assert all(5 <= m.value["ingest_time"] - m.value["event_time"] <= 250 for m in timed)


def test_trade_ids_are_consecutive_in_event_time(sound: list[Message]) -> None:
    ids = defaultdict(list)
    for message in sound:
        if message.topic == "trades":
            ids[message.key].append(int(message.value["trade_id"]))
    for found in ids.values():
        assert sorted(found) == list(range(min(found), min(found) + len(found)))
    for rows in prices(sound).values():
        assert all(one[0] <= two[0] for one, two in pairwise(rows))


def test_prices_and_quantities_have_few_decimals(sound: list[Message]) -> None:
    decimals = {coin.pair: coin.decimals for coin in COINS}
    for message in sound:
        if message.topic == "trades":
            price, quantity = message.value["price"], message.value["quantity"]
            assert price == round(price, decimals[message.key])
            assert quantity == round(quantity, 8) > 0


def test_tickers_follow_the_trades(market: Market) -> None:
    previous: dict[str, dict[str, float]] = {}
    last_price: dict[str, float] = {}
    for message in Market(market.config).messages():
        value = message.value
        if message.topic == "trades":
            last_price[message.key] = value["price"]
        elif message.topic == "tickers":
            before = previous.get(message.key)
            if before is None:
                assert value["change_pct"] is None
            else:
                assert 1_800 <= value["event_time"] - before["event_time"] < 2_200
                assert value["change_pct"] == pytest.approx((value["last"] / before["last"] - 1) * 100, abs=1e-6)
            if message.key in last_price:
                assert value["last"] == last_price[message.key]
            assert value["bid"] < value["ask"]
            assert value["bid"] <= value["last"] <= value["ask"]
            previous[message.key] = value
    assert len(previous) == 10


@pytest.fixture(scope="module", params=range(6))
def seeded(request: pytest.FixtureRequest) -> tuple[Market, Trades]:
    """Return 45 min of one of several seeds, and its trades."""
    market = Market(MarketConfig(START, 45, request.param))
    return market, prices(market.messages())


def test_only_jumps_move_a_price_much(seeded: tuple[Market, Trades]) -> None:
    market, trades = seeded
    for pair, rows in trades.items():
        jumps = [jump for jump in market.jumps if jump.pair == pair and not jump.decoy]
        assert largest_range_pct(rows, jumps) < 0.8


def test_jumps_are_as_planned_and_as_told(seeded: tuple[Market, Trades]) -> None:
    market, trades = seeded
    articles = {message.key: message.value for message in market.articles}
    assert len([jump for jump in market.jumps if not jump.decoy]) in range(7, 10)
    assert any(jump.decoy for jump in market.jumps)
    for jump in market.jumps:
        low, high = (0.2, 0.45) if jump.decoy else (1.5, 4)
        assert low <= abs(jump.pct) <= high
        assert 1_000 <= jump.end_ms - jump.time_ms <= 5_000
        assert jump.time_ms >= START + 2 * MINUTE
        assert jump.end_ms <= START + 42 * MINUTE
        article = articles[jump.article_id]
        assert jump.symbol in article["cryptocurrencies_mentioned"]
        assert 2_000 <= jump.time_ms - article["event_time"] <= 20_000
        assert article["sentiment"]["label"] == ("positive" if jump.pct > 0 else "negative")
        # To be seen in the trades: from the last before to the one at the end, over several, then calm.
        rows = trades[jump.pair]
        before = [price for at, price in rows if at < jump.time_ms][-1]
        during = [price for at, price in rows if jump.time_ms <= at <= jump.end_ms]
        assert (during[-1] / before - 1) * 100 == pytest.approx(jump.pct, abs=1e-5)
        assert len(during) >= 3
        after = [price for at, price in rows if jump.end_ms <= at <= jump.end_ms + 60_000]
        assert max(after) / min(after) < 1.004
    for one in market.jumps:
        for two in market.jumps:
            if one is not two and one.pair == two.pair:
                assert abs(one.time_ms - two.time_ms) >= 4 * MINUTE


def test_a_jump_of_one_coin_moves_no_other() -> None:
    market = Market(MarketConfig(START))
    trades = prices(market.messages())
    for jump in market.jumps:
        for pair, rows in trades.items():
            if not any(j.pair == pair and abs(j.time_ms - jump.time_ms) < MINUTE for j in market.jumps):
                near = [price for at, price in rows if jump.time_ms - 1_000 <= at <= jump.end_ms + 1_000]
                assert max(near) / min(near) < 1.003


@pytest.mark.parametrize("minutes", [1, 5])
def test_a_short_market_has_no_jumps(minutes: int) -> None:
    market = Market(MarketConfig(START, minutes))
    assert not market.jumps
    assert len(market.articles) == minutes
    assert len(list(market.messages())) > 0


def test_messages_arrive_in_order_but_within_the_watermark_bound(arrivals: list[Arrival]) -> None:
    assert all(one.at_ms <= two.at_ms for one, two in pairwise(arrivals))
    newest, displaced = 0, 0
    for arrival in arrivals:
        if arrival.kind not in ("sound", "duplicate") or arrival.message.topic in ("market_sentiment", "macro"):
            continue
        event_time = arrival.message.value["event_time"]
        behind = newest - event_time
        displaced += behind > 0
        assert behind <= (3_000 if arrival.kind == "sound" else 8_000) < WATERMARK_MS
        newest = max(newest, event_time)
    assert displaced > 1_000


def test_late_trades_are_behind_the_watermark_and_unique(arrivals: list[Arrival]) -> None:
    newest: dict[str, int] = defaultdict(int)
    late = 0
    for arrival in arrivals:
        event_time = arrival.message.value["event_time"]
        if arrival.kind == "late":
            late += 1
            assert arrival.message.topic == "trades"
            assert 30_000 <= arrival.at_ms - event_time <= 90_000
            assert newest[arrival.message.key] - event_time > WATERMARK_MS
        elif arrival.kind == "sound" and arrival.message.topic == "trades":
            newest[arrival.message.key] = max(newest[arrival.message.key], event_time)
    assert late == pytest.approx(0.005 * 72_000, rel=0.25)
    ids = [
        a.message.value["trade_id"] + a.message.key
        for a in arrivals
        if a.kind in ("sound", "late") and a.message.topic == "trades"
    ]
    assert len(ids) == len(set(ids))


def test_duplicates_repeat_a_message_within_5_s(arrivals: list[Arrival]) -> None:
    first: dict[bytes, int] = {}
    duplicates = 0
    for arrival in arrivals:
        body = contract.encode(arrival.message.value)
        if arrival.kind == "sound":
            assert body not in first
            first[body] = arrival.at_ms
        elif arrival.kind == "duplicate":
            duplicates += 1
            assert 0 <= arrival.at_ms - first[body] < 5_000
    assert duplicates == pytest.approx(0.01 * len(first), rel=0.25)


def test_malformed_messages_break_json_or_the_contract(arrivals: list[Arrival]) -> None:
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for arrival in arrivals:
        if arrival.kind != "malformed":
            continue
        seen[arrival.message.topic][arrival.fault] += 1
        try:
            value = json.loads(arrival.payload)
        except json.JSONDecodeError:
            continue
        with pytest.raises(contract.ContractError):
            contract.check(arrival.message.topic, value)
    assert set(seen["trades"]) == set(FAULTS["trades"])
    assert set(seen["tickers"]) == set(FAULTS["tickers"])
    assert seen["articles"].total() == seen["market_sentiment"].total() == seen["macro"].total() == 1
    assert seen["trades"].total() == pytest.approx(0.01 * 72_000, rel=0.2)


@pytest.mark.parametrize("topic", FAULTS)
def test_every_fault_of_a_message_breaks_it(topic: str, sound: list[Message]) -> None:
    message = next(message for message in sound if message.topic == topic)
    rng = Random(1)
    for fault in FAULTS[topic]:
        try:
            value = json.loads(spoil(fault, message, rng))
        except json.JSONDecodeError:
            assert fault in ("not_json", "truncated", "empty")
            continue
        with pytest.raises(contract.ContractError):
            contract.check(topic, value)


@pytest.fixture(scope="module")
def broken() -> tuple[Market, list[Arrival]]:
    """Return a market with outages, and what arrives of it."""
    market = Market(MarketConfig(START, coins=4, late=0.01, outages=4))
    return market, list(market.arrivals())


def test_an_outage_is_a_gap_in_the_trade_ids_of_which_the_end_comes_later(
    broken: tuple[Market, list[Arrival]],
) -> None:
    market, arrivals = broken
    trades = [a for a in arrivals if a.message.topic == "trades" and a.kind not in ("duplicate", "malformed")]
    assert len(market.outages) >= 3
    for outage in market.outages:
        mine = [a for a in trades if a.message.key == outage.pair]
        known = {int(a.message.value["trade_id"]) for a in mine}
        made = [
            m.value
            for m in market.messages()
            if (m.topic, m.key) == ("trades", outage.pair) and outage.time_ms <= m.value["event_time"] < outage.end_ms
        ]
        assert [int(value["trade_id"]) for value in made] == list(range(outage.first_id, outage.last_id + 1))
        assert outage.missed == len(made) > 100
        assert outage.first_id - 1 in known
        assert outage.last_id + 1 in known
        assert 60_000 <= outage.end_ms - outage.time_ms <= 180_000
        # What comes after all is the end of it, and comes behind the watermark.
        back = [a for a in mine if outage.time_ms <= a.message.value["event_time"] < outage.end_ms]
        assert 0.3 <= len(back) / outage.missed <= 0.7
        assert len(back) == outage.returned == outage.missed - outage.lost
        assert [int(a.message.value["trade_id"]) for a in back] == list(
            range(outage.first_id + outage.lost, outage.last_id + 1)
        )
        for arrival in back:
            assert arrival.kind == "backfill"
            assert arrival.at_ms == arrival.message.value["ingest_time"] == outage.back_ms
            assert outage.end_ms + 30_000 <= outage.back_ms <= outage.end_ms + 60_000 < market.config.end_ms
    assert sum(a.kind == "backfill" for a in arrivals) == sum(outage.returned for outage in market.outages)


def test_nothing_else_is_lost(broken: tuple[Market, list[Arrival]]) -> None:
    market, arrivals = broken
    made = Counter(message.topic for message in market.messages())
    arrived = Counter(a.message.topic for a in arrivals if a.kind not in ("duplicate", "malformed"))
    made["trades"] -= sum(outage.lost for outage in market.outages)
    assert arrived == made


@pytest.mark.parametrize("seed", range(20))
def test_outages_and_divergences_keep_away_from_jumps(seed: int) -> None:
    market = Market(MarketConfig(START, 45, seed, trades_per_second=0.5, outages=3))
    assert len(market.outages) == 3
    assert len(market.divergences) >= 2
    for events in (market.outages, market.divergences):
        for event in events:
            assert START + 2 * MINUTE <= event.time_ms < event.end_ms <= START + 42 * MINUTE
            near = [*market.jumps, *(other for other in events if other is not event)]
            assert not any(
                other.symbol == event.symbol
                and event.time_ms - 2 * MINUTE < other.end_ms
                and other.time_ms < event.end_ms + 2 * MINUTE
                for other in near
            )


def test_a_short_market_has_no_outages() -> None:
    market = Market(MarketConfig(START, 8, outages=3))
    assert not market.outages
    assert not market.divergences


def test_aggregators_follow_the_price_but_where_they_diverge() -> None:
    config = MarketConfig(START, 90, coins=3, trades_per_second=1)
    market = Market(config)
    last: dict[str, float] = {}
    said: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    apart: Counter[int] = Counter()
    for message in market.messages():
        value = message.value
        if message.topic == "trades":
            last[value["symbol"]] = value["price"]
        elif message.topic == "prices":
            said[value["source"], message.key].append(value)
            if message.key not in last:
                continue
            off = (value["price_usd"] / last[message.key] - 1) * 100
            (wrong,) = [
                number
                for number, one in enumerate(market.divergences)
                if (one.symbol, one.source) == (message.key, value["source"])
                and one.time_ms <= value["event_time"] < one.end_ms
            ] or [-1]
            apart[wrong] += 1
            if wrong < 0:
                assert abs(off) <= 0.11
            else:
                assert 2 <= abs(off) <= 4
                assert off == pytest.approx(market.divergences[wrong].pct, abs=0.11)
    assert all(apart[number] >= 2 for number in range(len(market.divergences)))
    assert {source for source, _ in said} == {"coingecko", "coinmarketcap"}
    for (source, symbol), values in said.items():
        every = {"coingecko": 60_000, "coinmarketcap": 120_000}[source]
        assert len(values) == 90 * MINUTE // every
        times = [value["event_time"] for value in values]
        assert all(abs(two - one - every) < 1_000 for one, two in pairwise(times))
        assert all(value["crypto_id"] for value in values)
        assert {value["name"] for value in values} == {KNOWN_COINS[symbol].name}
        hour = 60 * MINUTE // every
        for number, value in enumerate(values):
            assert [value[name] for name in ("change_24h", "change_7d", "ath", "atl")] == [None] * 4
            assert value["market_cap"] == pytest.approx(value["price_usd"] * value["circulating_supply"])
            if number < hour:
                assert value["change_1h"] is None
            else:
                before = values[number - hour]["price_usd"]
                assert value["change_1h"] == pytest.approx((value["price_usd"] / before - 1) * 100, abs=1e-6)


def daily(market: Market) -> Iterator[tuple[str, datetime, dict[str, object]]]:
    """Yield the series, the day and the value of everything that is said of a day."""
    for message in market.messages():
        if message.topic in ("market_sentiment", "macro"):
            day = datetime.fromtimestamp(message.value["event_time"] / 1000, timezone.utc)
            yield message.value.get("indicator", message.topic), day, message.value


def test_index_and_series_have_a_value_for_each_day() -> None:
    start = 1_761_951_600_000  # 2025-10-31T23:00Z: two days, two months
    found: dict[str, list[str]] = defaultdict(list)
    for name, day, value in daily(Market(MarketConfig(start, 90, coins=1, trades_per_second=0.5))):
        assert (day.hour, day.minute, day.second) == (0, 0, 0)
        assert value.get("date", f"{day:%Y-%m-%d}") == f"{day:%Y-%m-%d}"
        found[name].append(f"{day:%m-%d}")
    assert found == {
        "market_sentiment": ["10-31", "11-01"],
        "DFF": [f"10-{day}" for day in range(24, 32)] + ["11-01"],
        "UNRATE": ["09-01", "10-01", "11-01"],
    }


def test_a_day_is_the_same_whenever_the_market_starts() -> None:
    config = MarketConfig(START, 1, coins=1)
    one, two = (list(daily(Market(replace(config, start_ms=start)))) for start in (START, START + 3 * 60 * MINUTE))
    assert one == two
    assert START // DAY == (START + 3 * 60 * MINUTE) // DAY


@pytest.mark.parametrize("coin", COINS, ids=lambda coin: coin.symbol)
@pytest.mark.parametrize(("mood", "label"), [("good", "positive"), ("bad", "negative"), ("plain", "neutral")])
def test_articles_mention_their_coin_and_sound_as_meant(coin: Coin, mood: headlines.Mood, label: str) -> None:
    symbol = coin.symbol
    for seed in range(20):
        title, summary = headlines.write(Random(seed), symbol, mood, [symbol])
        text = f"{title}. {summary}"
        assert mentions(text) == [symbol]
        assert KNOWN_COINS[symbol].name in title
        assert {score(text, scorer)["label"] for scorer in SCORERS.values()} == {label}


def test_article_ids_are_the_hash_of_the_address(market: Market) -> None:
    for message in market.articles:
        assert message.key == message.value["id"] == sha256(message.value["url"].encode()).hexdigest()
    assert len({message.key for message in market.articles}) == 30


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0},
        {"minutes": float("nan")},
        {"coins": 11},
        {"trades_per_second": 0.1},
        {"late": -1},
        {"malformed": 2},
        {"outages": -1},
    ],
)
def test_what_cannot_be_simulated_is_said(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        MarketConfig(START, **wrong)  # type: ignore[arg-type]


def test_surges_and_shifts_are_what_the_truth_says_and_change_no_price() -> None:
    config = MarketConfig(START, minutes=60, coins=4, trades_per_second=1)
    plain = list(Market(config).messages())
    market = Market(replace(config, surges=2, shifts=2))
    messages = list(market.messages())
    assert (len(market.surges), len(market.shifts)) == (2, 2)
    assert prices(messages) == prices(plain)
    for surge in market.surges:
        volumes: Counter[int] = Counter()
        for message in messages:
            if message.topic == "trades" and message.key == surge.pair:
                volumes[(message.value["event_time"] - START) // MINUTE] += message.value["quantity"]
        inside = range(-(-(surge.time_ms - START) // MINUTE), (surge.end_ms - START) // MINUTE)
        usual = [volumes[minute] for minute in range(60) if (minute - 1) not in inside and (minute + 1) not in inside]
        assert len(inside) >= 1
        assert all(volumes[minute] > 5 * sum(usual) / len(usual) for minute in inside)
    for shift in market.shifts:
        scores = [
            (message.value["event_time"], message.value["sentiment"]["score"])
            for message in market.articles
            if shift.symbol in message.value["cryptocurrencies_mentioned"]
        ]
        during = [score for at, score in scores if shift.time_ms <= at < shift.end_ms]
        before = [score for at, score in scores if at < shift.time_ms]
        change = sum(during) / len(during) - sum(before) / len(before)
        assert len(during) >= 6
        assert change > 0.2 if shift.mood == "good" else change < -0.2
