"""The simulated market keeps what it promises: same seed, same bytes; calm but for jumps; faults that are faults."""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import contract, headlines
from producers.coins import COINS as KNOWN_COINS
from producers.market import COINS, FAULTS, MINUTE, Arrival, Coin, Jump, Market, MarketConfig
from producers.mentions import mentions
from producers.message import Message
from producers.sentiment import SCORERS, score
from tidemark.errors import UserError

Trades = dict[str, list[tuple[int, float]]]  # per pair: event times in epoch ms, and prices

START = 1_760_000_000_000
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
)
def test_the_same_configuration_gives_the_same_bytes(
    seed: int, minutes: float, coins: int, rate: float, share: float
) -> None:
    config = MarketConfig(START, minutes, seed, rate, coins, share, share, share)
    assert wire(Market(config).arrivals()) == wire(Market(config).arrivals())


def test_another_seed_gives_another_market() -> None:
    first, second = (wire(Market(MarketConfig(START, 2, seed)).arrivals()) for seed in (1, 2))
    assert first != second


def test_another_start_gives_the_same_prices_with_other_ids() -> None:
    later = 987_654_321
    first, second = (list(Market(MarketConfig(start, 10)).messages()) for start in (START, START + later))
    for one, two in zip(first, second, strict=True):
        assert two.value["event_time"] - one.value["event_time"] == later
        assert [one.value.get(name) for name in ("price", "last", "title")] == [
            two.value.get(name) for name in ("price", "last", "title")
        ]
    identity = [
        {(m.topic, m.key, m.value.get("trade_id")) for m in ms if m.topic != "tickers"} for ms in (first, second)
    ]
    assert not identity[0] & identity[1]


def test_other_faults_leave_the_market_as_it_is() -> None:
    one, two = (Market(MarketConfig(START, 5, duplicates=share, late=share, malformed=share)) for share in (0.0, 0.3))
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
    assert all(START <= m.value["event_time"] < START + 30 * MINUTE for m in sound)
    assert all(5 <= m.value["ingest_time"] - m.value["event_time"] <= 250 for m in sound)


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
        if arrival.kind not in ("sound", "duplicate"):
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
    assert seen["articles"].total() == 1
    assert seen["trades"].total() == pytest.approx(0.01 * 72_000, rel=0.2)


def test_every_fault_of_an_article_breaks_it() -> None:
    market = Market(MarketConfig(START, 30, coins=1, trades_per_second=0.5, malformed=0.5))
    faults = {a.fault: a.payload for a in market.arrivals() if a.kind == "malformed" and a.message.topic == "articles"}
    assert set(faults) == set(FAULTS["articles"])
    for fault in ("not_json", "truncated", "empty"):
        with pytest.raises(json.JSONDecodeError):
            json.loads(faults.pop(fault))
    for payload in faults.values():
        with pytest.raises(contract.ContractError):
            contract.check("articles", json.loads(payload))


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
    ],
)
def test_what_cannot_be_simulated_is_said(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        MarketConfig(START, **wrong)  # type: ignore[arg-type]
