"""Live, ready, and measured: against parts that are really away."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from serving.health import kafka_answers
from tests.serving.conftest import LOOPBACK, Api, Clock
from tests.serving.market import MINUTE, NOW, SECOND
from tests.serving.test_listings import API, timed
from tidemark.errors import UserError
from tidemark.settings import load

Own = Callable[..., Api]


def trade(made: Api, at: Any) -> None:
    made.database.run(
        "INSERT INTO trade_data VALUES ('binance', 'BTC', 'BTC/USDT', %s, 1, 1, 'buy', %s, %s)", str(at), at, at
    )


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def test_it_is_ready_while_all_is_well(own: Own) -> None:
    made, clock = own(), Clock()
    trade(made, NOW - SECOND)
    api = made(clock)
    for path in ("/healthz", "/healthz/ready"):
        answer = api.get(path)
        found = answer.json()
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert timed("timestamp", found.pop("newest_price")) == NOW.replace(microsecond=400_000) - SECOND
        assert found == {"status": "ready", "database": "ok", "kafka": "ok", "data": "ok"}
    assert api.get("/healthz/live").json() == {"status": "alive"}


def test_old_data_make_it_not_ready_and_new_ones_ready_again(own: Own) -> None:
    made, clock = own(), Clock()
    api = made(clock, fresh_within="90s")
    assert api.get("/healthz").json()["data"] == "there is no price of today or yesterday"
    trade(made, NOW)
    clock.forward(90)
    assert api.get("/healthz").status_code == 200
    clock.forward(2)
    answer = api.get("/healthz")
    assert (answer.status_code, answer.json()["data"]) == (503, "the newest price is older than 90s")
    made.database.run(
        "INSERT INTO price_data (crypto_id, symbol, name, source, price_usd, event_time, ingest_time)"
        " VALUES ('bitcoin', 'BTC', 'Bitcoin', 'coingecko', 1, %s, %s)",
        clock.time,
        clock.time,
    )
    clock.forward(2)
    assert api.get("/healthz").status_code == 200


def test_just_after_midnight_yesterday_is_looked_at_too(own: Own) -> None:
    made = own()
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    trade(made, midnight - SECOND)
    assert made(Clock(time=midnight + MINUTE)).get("/healthz").status_code == 200


def test_a_kafka_that_is_away_makes_it_not_ready(own: Own) -> None:
    made = own()
    trade(made, NOW)
    away = load(kafka={"bootstrap": f"127.0.0.1:{closed_port()}"})
    with pytest.raises(UserError, match="Kafka does not answer"):
        kafka_answers(away)
    app = create_app(made.settings(), clocks=Clock().clocks, kafka_check=lambda: kafka_answers(away))
    with TestClient(app, base_url="http://127.0.0.1", client=LOOPBACK) as api:
        answer = api.get("/healthz")
        assert (answer.status_code, answer.json()["kafka"]) == (503, "does not answer")
        assert answer.json()["database"] == "ok"
        assert api.get("/healthz/live").status_code == 200
        assert api.get(f"{API}/macro/").status_code == 200  # what does without it does


def test_a_database_that_is_away_is_said_and_the_process_lives(own: Own) -> None:
    made = own()
    nowhere = load(postgres={"host": "127.0.0.1", "port": closed_port(), "reader_password": "x", "api_password": "x"})
    settings = made.settings().model_copy(update={"postgres": nowhere.postgres})
    app = create_app(settings, clocks=Clock().clocks, kafka_check=lambda: None)
    with TestClient(app, base_url="http://127.0.0.1", client=LOOPBACK) as api:
        answer = api.get("/healthz")
        assert (answer.status_code, answer.json()["database"]) == (503, "does not answer")
        assert api.get("/healthz/live").status_code == 200
        answer = api.get(f"{API}/macro/")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["detail"] == "The database does not answer."
        key = {"Authorization": f"Bearer {made.key('read')}"}
        assert api.get(f"{API}/macro/", headers=key).status_code == 503


def test_the_parts_are_asked_every_two_seconds_at_most(own: Own) -> None:
    made, clock = own(), Clock()
    calls = []
    app = create_app(made.settings(), clocks=clock.clocks, kafka_check=lambda: calls.append(clock.seconds))
    with TestClient(app, base_url="http://127.0.0.1", client=LOOPBACK) as api:
        for _ in range(10):
            api.get("/healthz")
            clock.forward(0.5)
    assert calls == [1000, 1002, 1004]


def test_metrics_count_by_route_and_not_by_what_callers_write(apis: Api) -> None:
    api = apis()
    for name in ("btc", "eth", "nothing"):
        api.get(f"{API}/prix/{name}/temps_reel/")
    api.get(f"{API}/trade/BTC-USDT/historique/")
    api.get("/nowhere/1")
    api.get("/nowhere/2")
    api.post(f"{API}/config/crypto/")
    text = api.get("/metrics").text
    price, trades = f'path="{API}/prix/{{crypto}}/temps_reel/"', f'path="{API}/trade/{{pair}}/historique/"'
    for line in (
        f'tidemark_api_requests_total{{method="GET",{price},status="200"}} 2.0',
        f'tidemark_api_requests_total{{method="GET",{price},status="404"}} 1.0',
        f'tidemark_api_requests_total{{method="GET",{trades},status="200"}} 1.0',
        'tidemark_api_requests_total{method="GET",path="other",status="404"} 2.0',
        f"tidemark_api_request_seconds_count{{{price}}} 3.0",
        'tidemark_api_cache_total{result="miss"}',
        "tidemark_api_queries_running 0.0",
        "process_resident_memory_bytes",
    ):
        assert line in text, line
    assert "nowhere" not in text


def test_the_newest_price_is_measured(own: Own) -> None:
    made = own()
    trade(made, NOW)
    api = made()
    api.get("/healthz")
    newest = NOW.replace(microsecond=400_000).timestamp()
    line = next(line for line in api.get("/metrics").text.splitlines() if line.startswith("tidemark_api_newest"))
    assert float(line.split()[1]) == pytest.approx(newest)


def test_health_is_quick_to_ask(own: Own) -> None:
    made = own()
    for pair in range(30):
        at = NOW - timedelta(seconds=pair)
        made.database.run(
            "INSERT INTO trade_data SELECT 'binance', 'C' || %s, 'C' || %s || '/USDT', n::text, 1, 1, 'buy',"
            " %s::timestamptz - n * interval '1 minute', now() FROM generate_series(1, 500) n",
            str(pair),
            str(pair),
            at,
        )
    api = made()
    began = time.monotonic()
    assert api.get("/healthz").json()["database"] == "ok"
    assert time.monotonic() - began < 1


def test_metrics_say_what_became_of_notifications(own: Own) -> None:
    made = own()
    made.database.run(
        "INSERT INTO serving.notifications (rule, channel, alert_id, alert, is_urgent, state)"
        " SELECT 'all', 'desk', number::text, '{}', false, CASE WHEN number < 3 THEN 'sent' ELSE 'waiting' END"
        " FROM generate_series(1, 3) AS number"
    )
    told = [line for line in made().get("/metrics").text.splitlines() if line.startswith("tidemark_notifications{")]
    assert sorted(told) == [
        'tidemark_notifications{channel="desk",state="sent"} 2.0',
        'tidemark_notifications{channel="desk",state="waiting"} 1.0',
    ]
