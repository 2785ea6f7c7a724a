"""Statistics, rankings and scores over hours, and a month of real bars: against DuckDB and plain Python."""

from __future__ import annotations

import csv
import gzip
import math
import statistics
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from random import Random

import duckdb
import pytest

from tests.captures import captures
from tests.sql import inputs, models, oracle
from tests.sql.conftest import KINDS
from tests.sql.inputs import START, Topics, price, trade
from tests.sql.test_analytics import CANDLE, agree
from tests.world import Row, World

pytestmark = pytest.mark.stack

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIRST = START - 90 * MINUTE  # before midnight, and in the middle of an hour
LAST = START + HOUR


@cache
def sound() -> Topics:
    """Return two and a half hours of two markets, one of which always returns to its mean, and three coins' prices."""
    rng = Random(12)
    trades: list[Row] = []
    walk, back = 500.0, 0.0
    for number, at in enumerate(range(FIRST, LAST, 4_000)):
        walk *= math.exp(rng.gauss(0, 2e-4))
        back = 0.5 * back + rng.gauss(0, 0.05)
        for pair, value in (("WALK/USDT", walk), ("BACK/USDT", 50 + back)):
            moment = at + rng.randrange(4_000)
            silent = pair == "WALK/USDT" and 20 * MINUTE < moment - START < 32 * MINUTE
            if not silent:
                side = rng.choice(("buy", "sell"))
                trades.append(trade(pair, f"{number}", moment, round(value, 4), round(rng.random(), 6), side=side))
    prices = [
        price(
            symbol,
            minute * MINUTE + FIRST + rng.randrange(MINUTE),
            round(level * rng.uniform(0.99, 1.01), 12),
            source,
            crypto_id=coin,
            change_24h=rng.choice((None, 0.0, 1.5, -2.5, round(rng.uniform(-9, 9), 3))),
        )
        for minute in range(150)
        for symbol, coin, level in (("BTC", "btc", 1e5), ("TWIN", "a", 1.0), ("TWIN", "b", 2e-9))
        for source in ("coingecko", "coinmarketcap")
    ]
    return {
        "trades": sorted(trades, key=lambda row: row["event_time"]),
        "prices": sorted(prices, key=lambda row: row["event_time"]),
    }


@pytest.fixture(scope="module")
def worlds(case: Callable[..., World]) -> Callable[[str], World]:
    """Return a function that gives the world in which the job has run over an input, which is made on first use."""
    made: dict[str, World] = {}

    def get(kind: str) -> World:
        if kind not in made:
            made[kind] = case()
            for topic, values in sound().items():
                # Without prices that are rejected: these are of its middle, and would make those behind them late.
                arriving = [
                    put for put in inputs.arranged(kind, topic, values) if not (put.fault and topic == "prices")
                ]
                for partition, puts in inputs.by_partition(arriving).items():
                    made[kind].put(topic, [put.value for put in puts], partition)
            made[kind].run("analytics")
        return made[kind]

    return get


@pytest.fixture(scope="module", params=KINDS)
def world(request: pytest.FixtureRequest, worlds: Callable[[str], World]) -> World:
    """Return the world of each input."""
    return worlds(request.param)


TABLES = (
    "candles",
    "prediction_data",
    "prediction_score",
    "price_stats",
    "price_hourly",
    "volume_daily",
    "ranking_24h",
)


@pytest.mark.parametrize("kind", ["shuffled", "hostile"])
@pytest.mark.parametrize("table", TABLES)
def test_order_and_repetition_change_no_digit(worlds: Callable[[str], World], table: str, kind: str) -> None:
    tidy, other = (sorted(worlds(name).rows(table), key=repr) for name in ("tidy", kind))
    assert tidy
    assert tidy == other


def test_predictions_and_what_became_of_them(world: World) -> None:
    expected = models.predictions(sound()["trades"])
    unknown = [row for row in expected if row["actual_price"] is None]
    assert {row["pair"] for row in unknown} == {"WALK/USDT", "BACK/USDT"}  # before the silence, and at the end
    agree(world.rows("prediction_data"), expected)


def test_scores_agree_with_duckdb(world: World) -> None:
    """From the predictions as they are stored, which have a test of their own."""
    rows = [row for row in world.rows("prediction_data") if row["actual_price"] is not None]
    database = duckdb.connect()
    database.execute(
        """
        CREATE TABLE predictions (
            pair TEXT, model TEXT, target BIGINT, predicted DOUBLE, actual DOUBLE, low DOUBLE, high DOUBLE
        )
        """
    )
    columns = [
        *("pair", "model_name", "target_time", "predicted_price", "actual_price"),
        *("confidence_interval_low", "confidence_interval_high"),
    ]
    database.executemany(
        "INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?)", [tuple(row[name] for name in columns) for row in rows]
    )
    expected = database.execute(
        """
        WITH sizes (name, size, slide) AS (VALUES ('1h', 3600000, 300000), ('1d', 86400000, 3600000)),
        windows AS (
            SELECT DISTINCT
                name, size, (target - 1) // slide * slide + slide * unnest(range(1, size // slide + 1)) AS ends
            FROM predictions, sizes
        )
        SELECT
            p.pair, p.model, w.name, w.ends, avg(abs(p.predicted - p.actual)), avg(p.predicted - p.actual),
            avg(CASE WHEN p.actual BETWEEN p.low AND p.high THEN 1 ELSE 0 END),
            sum(abs(p.predicted - p.actual)) / nullif(sum(abs(n.predicted - n.actual)), 0), count(*)
        FROM windows AS w
        JOIN predictions AS p ON p.target - 1 < w.ends AND p.target - 1 >= w.ends - w.size
        JOIN predictions AS n ON n.pair = p.pair AND n.target = p.target AND n.model = 'last_price'
        GROUP BY ALL
        """
    ).fetchall()
    found = oracle.keyed(world.rows("prediction_score"), "pair", "model_name", "score_window", "window_end")
    assert found.keys() == {row[:4] for row in expected}
    for *key, error, bias, coverage, relative, count in expected:
        row = found[tuple(key)]
        assert row["mean_absolute_error"] == pytest.approx(error, rel=1e-9), key
        assert row["bias"] == pytest.approx(bias, rel=1e-9, abs=1e-12), key
        assert row["coverage"] == pytest.approx(coverage, rel=1e-12), key
        if relative is None:  # the naive model made no error: behind the end nothing is traded any more
            assert row["relative_error"] is None, key
        else:
            assert row["relative_error"] == pytest.approx(relative, rel=1e-9), key
        assert row["prediction_count"] == count, key


def test_scores_tell_good_models_from_bad(world: World) -> None:
    last = {
        (row["pair"], row["model_name"]): row
        for row in world.rows("prediction_score")
        if (row["score_window"], row["window_end"]) == ("1h", LAST)
    }
    assert all(last[pair, "last_price"]["relative_error"] == 1 for pair in ("WALK/USDT", "BACK/USDT"))
    # Nothing beats the last price of a random walk; a price that returns to its mean is best predicted by that.
    assert last["WALK/USDT", "moving_average"]["relative_error"] > 1.2
    assert last["WALK/USDT", "least_squares"]["relative_error"] > 0.95
    assert last["BACK/USDT", "moving_average"]["relative_error"] < 0.9
    assert last["BACK/USDT", "least_squares"]["relative_error"] < 0.9
    assert all(0.5 < last[pair, model]["coverage"] < 0.85 for pair, model in last if model != "moving_average")


def test_price_statistics(world: World) -> None:
    check_statistics(world.rows("price_stats"), sound()["trades"])


def check_statistics(rows: list[Row], trades: list[Row]) -> None:
    """Assert that ``rows`` are the statistics of ``trades``, by way of their candles."""
    candles: dict[str, list[Row]] = defaultdict(list)
    for candle in sorted(oracle.candles(trades), key=lambda candle: candle["window_start"]):
        candles[candle["pair"]].append(candle)
    windows: dict[tuple[str, int], list[tuple[Row, float | None]]] = defaultdict(list)
    for pair, series in candles.items():
        for before, candle in zip([None, *series], series, strict=False):
            move = math.log(candle["close"] / before["close"]) if before else None
            for start in oracle.windows(candle["window_start"], HOUR, 5 * MINUTE):
                windows[pair, start + HOUR].append((candle, move))
    found = oracle.keyed(rows, "pair", "window_end")
    assert found.keys() == windows.keys()
    for key, mine in windows.items():
        row, moves = found[key], [move for _, move in mine if move is not None]
        assert row["window_start"] == key[1] - HOUR
        assert row["moving_average"] == pytest.approx(
            statistics.fmean(candle["close"] for candle, _ in mine), rel=1e-12
        )
        if len(moves) < 2:
            assert row["volatility_pct"] is None
        else:
            assert row["volatility_pct"] == pytest.approx(100 * statistics.stdev(moves), rel=1e-8, abs=1e-9), key
        assert row["min_price"] == min(candle["low"] for candle, _ in mine)
        assert row["max_price"] == max(candle["high"] for candle, _ in mine)
        assert row["trade_count"] == sum(candle["trade_count"] for candle, _ in mine)


def test_hourly_prices_agree_with_duckdb(world: World) -> None:
    database = duckdb.connect()
    database.execute("CREATE TABLE prices (source TEXT, coin TEXT, symbol TEXT, price DECIMAL(28, 18), moment BIGINT)")
    database.executemany(
        "INSERT INTO prices VALUES (?, ?, ?, ?, ?)",
        [
            (row["source"], row["crypto_id"], row["symbol"], Decimal(repr(row["price_usd"])), row["event_time"])
            for row in sound()["prices"]
        ],
    )
    expected = database.execute(
        """
        SELECT source, coin, symbol, moment // 3600000 * 3600000, sum(price), min(price), max(price), count(*)
        FROM prices GROUP BY ALL
        """
    ).fetchall()
    names = ("source", "crypto_id", "symbol", "hour_start", "mean_price", "min_price", "max_price", "price_count")
    found = oracle.keyed(world.rows("price_hourly"), *names[:4])
    assert found.keys() == {row[:4] for row in expected}
    for *key, total, least, most, count in expected:
        row = found[tuple(key)]
        assert [row[name] for name in names[4:]] == [float(total) / count, float(least), float(most), count], key


def test_rankings(world: World) -> None:
    last: dict[tuple[str, int], dict[str, Row]] = defaultdict(dict)
    for row in sound()["prices"]:
        if row["change_24h"] is not None:
            last[row["source"], row["event_time"] // (5 * MINUTE) * 5 * MINUTE + 5 * MINUTE][row["crypto_id"]] = row
    expected = []
    for (_, end), coins in last.items():
        ranked = sorted(coins.values(), key=lambda row: (-row["change_24h"], row["symbol"], row["crypto_id"]))
        for place, row in enumerate(ranked, 1):
            expected.append(
                {
                    **{name: row[name] for name in ("source", "crypto_id", "symbol", "change_24h", "price_usd")},
                    "window_end": end,
                    "place": place,
                }
            )
    key = ("source", "window_end", "crypto_id")
    assert oracle.keyed(world.rows("ranking_24h"), *key) == oracle.keyed(expected, *key)


def test_daily_volumes(world: World) -> None:
    rows = world.rows("volume_daily")
    assert {row["day_start"] for row in rows} == {START - DAY, START}
    assert oracle.keyed(rows, "pair", "day_start") == oracle.keyed(daily(sound()["trades"]), "pair", "day_start")


def daily(trades: list[Row]) -> list[Row]:
    """Return the rows of the table volume_daily."""
    return [
        {
            **{name: row[name] for name in ("source", "symbol", "pair", "volume", "buy_volume", "trade_count")},
            "day_start": row["window_start"],
            "turnover": pytest.approx(row["vwap"] * row["volume"], rel=1e-12),
        }
        for row in oracle.candles(trades, DAY, "1d")
    ]


def test_a_running_job_fills_in_the_actual_price_and_begins_again_without_a_trace(case: Callable[..., World]) -> None:
    world = case(kafka={"partitions": 1})
    trades = [row for row in sound()["trades"] if row["event_time"] < FIRST + 20 * MINUTE]
    half = len(trades) // 2
    world.put("trades", trades[:half])
    world.run("analytics")
    world.put("trades", trades[half:])
    world.run("analytics")  # from the beginning again
    agree(world.rows("prediction_data"), models.predictions(trades))
    assert oracle.keyed(world.rows("volume_daily"), "pair", "day_start") == oracle.keyed(
        daily(trades), "pair", "day_start"
    )


def month() -> list[Row]:
    """Return the bars of a month, times as epoch milliseconds."""
    with gzip.open(captures() / "bars" / "btc_perp_1m_2022-01.csv.gz", "rt") as file:
        return [
            {
                **row,
                "at": int(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=timezone.utc).timestamp() * 1000),
            }
            for row in csv.DictReader(file)
        ]


def as_trades(bar: Row) -> list[Row]:
    """Return four trades that have opened, reached the extremes, and closed as ``bar`` says, with its volume in all."""
    rising = float(bar["close"]) >= float(bar["open"])
    way = ("open", "low", "high", "close") if rising else ("open", "high", "low", "close")
    quarter = float(Decimal(bar["volume"]) / 4)
    return [
        trade("BTC/USD", str(bar["at"] // 15_000 + n), bar["at"] + n * 15_000, float(bar[name]), quarter, side=side)
        for n, (name, side) in enumerate(zip(way, ("buy", "sell", "buy", "sell"), strict=True))
    ]


def test_a_month_of_real_bars_comes_back_as_candles(case: Callable[..., World]) -> None:
    bars = [bar for bar in month() if float(bar["volume"])]
    assert len(bars) > 40_000
    trades = [row for bar in bars for row in as_trades(bar)]
    # With fewer predictions than usual: they have tests of their own, and here would take most of the time.
    rare = ("prediction", "prediction_slide", "prediction_horizon", "prediction_half_life", "score_slide")
    world = case(kafka={"partitions": 1}, windows=dict.fromkeys(rare, "30m"))
    world.put("trades", trades)
    world.run("analytics", timeout=600)
    check_month(world, bars, trades)


def check_month(world: World, bars: list[Row], trades: list[Row]) -> None:
    """Assert that candles, volumes and statistics are those of ``bars``."""
    database = duckdb.connect()
    database.execute("CREATE TABLE bars (moment BIGINT, o DOUBLE, h DOUBLE, l DOUBLE, c DOUBLE, v DECIMAL(28, 12))")
    columns = ("at", "open", "high", "low", "close", "volume")
    database.executemany(
        "INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?)", [tuple(bar[name] for name in columns) for bar in bars]
    )
    found = oracle.keyed(world.rows("candles"), *CANDLE)
    assert len({start for _, _, resolution, start in found if resolution == "1m"}) == len(bars)
    for resolution, minutes in (("1m", 1), ("5m", 5), ("1h", 60)):
        expected = database.execute(
            """
            SELECT moment // $size * $size, arg_min(o, moment), max(h), min(l), arg_max(c, moment), sum(v), 4 * count(*)
            FROM bars GROUP BY 1
            """,
            {"size": minutes * MINUTE},
        ).fetchall()
        assert {
            (start, *(row[name] for name in (*columns[1:], "trade_count")))
            for (_, _, size, start), row in found.items()
            if size == resolution
        } == {(*row[:5], float(row[5]), row[6]) for row in expected}
    days = database.execute("SELECT moment // 86400000 * 86400000, sum(v) FROM bars GROUP BY 1").fetchall()
    assert {(row["day_start"], row["volume"]) for row in world.rows("volume_daily")} == {
        (day, float(volume)) for day, volume in days
    }
    check_statistics(world.rows("price_stats"), trades)
