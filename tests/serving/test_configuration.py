"""Coins are configured in PostgreSQL, by who may; and every write, also one that was refused, is in the log."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.serving.conftest import Api
from tests.serving.test_listings import API, get

CONFIG = f"{API}/config/crypto/"
AUDIT = f"{API}/audit/"
Own = Callable[..., Api]


def logged(made: Api) -> list[tuple[Any, ...]]:
    return made.database.run("SELECT actor, action, status, detail FROM serving.audit_log ORDER BY id")


def test_the_usual_coins_are_there_before_anything_is_configured(own: Own) -> None:
    made = own(coingecko={"coins": ["BTC", "SOL"]})
    assert get(made(), CONFIG) == {
        "count": 2,
        "data": [
            {"symbol": symbol, "name": name, "is_active": True, "created_at": None, "updated_at": None}
            for symbol, name in (("BTC", "Bitcoin"), ("SOL", "Solana"))
        ],
    }


def test_a_coin_is_configured_kept_and_known_at_once(own: Own) -> None:
    made = own(coingecko={"coins": ["BTC"]})
    made()
    writer = made.caller(key=made.key("write"))
    assert writer.get(f"{API}/articles/my coin/").status_code == 404

    first = writer.post(CONFIG, json={"symbol": "myc", "name": "My Coin"})
    assert first.status_code == 201
    assert first.headers["cache-control"] == "no-store"
    made_at = first.json()["created_at"]
    assert first.json() == {
        "symbol": "MYC",
        "name": "My Coin",
        "is_active": True,
        "created_at": made_at,
        "updated_at": made_at,
    }
    assert [coin["symbol"] for coin in get(writer, CONFIG)["data"]] == ["BTC", "MYC"]
    assert get(writer, f"{API}/articles/MY-COIN/")["crypto_symbol"] == "MYC"

    again = writer.post(CONFIG, json={"symbol": "MYC", "name": "My Coin", "is_active": False})
    assert (again.status_code, again.json()["created_at"]) == (200, made_at)
    assert again.json()["is_active"] is False
    # A new process finds it there; a page is not told of what nobody wants to see.
    fresh = made()
    assert get(fresh, CONFIG)["data"][1]["is_active"] is False
    assert [coin["symbol"] for coin in get(fresh, f"{API}/config/visualization/")["cryptos"]] == ["BTC"]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"symbol": "ETHER2", "name": "Ethereum"}, 409, "'Ethereum' is what ETH is called"),
        ({"symbol": "ETHER2", "name": "XBT"}, 409, "BTC"),
        ({"symbol": "RIPPLE", "name": "Mine"}, 409, "'RIPPLE' is what XRP is called"),
        ({"symbol": "SOL"}, 422, "name: Field required"),
        ({"symbol": "", "name": "x"}, 422, "symbol"),
        ({"symbol": "A/B", "name": "x"}, 422, "symbol"),
        ({"symbol": "SOL", "name": " Solana"}, 422, "name"),
        ({"symbol": "SOL", "name": "a\nb"}, 422, "name"),
        ({"symbol": "SOL", "name": "a\0b"}, 422, "name"),
        ({"symbol": "SOL", "name": "x" * 65}, 422, "64"),
        ({"symbol": "SOL", "name": "Solana", "is_active": "perhaps"}, 422, "is_active"),
        ({"symbol": "SOL", "name": "Solana", "colour": "red"}, 422, "colour: there is no such field"),
        ([], 422, "body"),
        (None, 422, "body"),
    ],
)
def test_what_cannot_be_configured_is_said_and_changes_nothing(own: Own, body: Any, status: int, text: str) -> None:
    made = own()
    made()
    writer = made.caller(key=made.key("write"))
    answer = writer.post(CONFIG, json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert text in answer.json()["detail"]
    assert made.database.run("SELECT * FROM serving.crypto_config") == []
    assert [(action, code) for _, action, code, _ in logged(made)] == [(f"POST {CONFIG}", status)]


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"symbol": "SOL", "name": "\\ud800"}', b"1" * 5000, b"[" * 9000])
def test_a_body_that_is_no_json_is_said_so(own: Own, body: bytes) -> None:
    made = own()
    made()
    writer = made.caller(key=made.key("write"))
    answer = writer.post(CONFIG, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    answer = writer.post(CONFIG, content=b'{"symbol": "SOL", "name": "Solana"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 422


def test_two_who_take_a_name_at_once_do_not_both_get_it(own: Own) -> None:
    made = own()
    made()
    writer = made.caller(key=made.key("write"))
    start = threading.Barrier(6)
    statuses = []

    def post(number: int) -> None:
        start.wait()
        statuses.append(writer.post(CONFIG, json={"symbol": f"NEW{number}", "name": "Newcoin"}).status_code)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [201] + [409] * 5
    assert made.database.run("SELECT count(*) FROM serving.crypto_config") == [(1,)]


def test_every_write_is_in_the_log_and_reads_are_not(own: Own) -> None:
    made = own()
    made()
    keys = {scope: made.key(scope) for scope in ("read", "write", "admin")}
    names = {scope: f"key:{key.split('_')[1]}" for scope, key in keys.items()}
    solana = {"symbol": "SOL", "name": "Solana", "is_active": True}
    made.caller().post(CONFIG, json=solana)  # nobody we could name
    made.caller(key=keys["read"]).post(CONFIG, json=solana)
    made.caller(key=keys["read"]).get(CONFIG)
    made.caller(key=keys["write"], address=("203.0.113.9", 1)).post(CONFIG, json=solana)
    made.caller(key=keys["write"]).post(f"{API}/nowhere/", json=solana)
    made.caller(key=keys["write"]).delete(CONFIG)
    made.caller(key=keys["admin"]).post(CONFIG, json={**solana, "is_active": False})

    assert logged(made) == [
        (names["read"], f"POST {CONFIG}", 403, {}),
        (names["write"], f"POST {CONFIG}", 201, solana),
        (names["write"], f"POST {API}/nowhere/", 404, {}),
        (names["write"], f"DELETE {CONFIG}", 405, {}),
        (names["admin"], f"POST {CONFIG}", 200, {**solana, "is_active": False}),
    ]
    admin = made.caller(key=keys["admin"])
    log = get(admin, AUDIT)
    assert [(row["actor"], row["status"]) for row in log["data"]] == [
        (names["admin"], 200),
        (names["write"], 405),
        (names["write"], 404),
        (names["write"], 201),
        (names["read"], 403),
    ]
    assert log["data"][3]["address"] == "203.0.113.9"
    assert log["data"][3]["detail"] == solana
    found, address = [], f"{AUDIT}?limit=2"
    while address:
        page = get(admin, address)
        found += page["data"]
        address = page["next"]
    assert found == log["data"]


def test_there_is_no_write_without_its_line_in_the_log(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    made = own()
    made()
    writer = made.caller(key=made.key("write"))
    made.database.run("REVOKE INSERT ON serving.audit_log FROM tidemark_api")
    answer = writer.post(CONFIG, json={"symbol": "SOL", "name": "Solana"})
    assert answer.status_code == 500
    assert made.database.run("SELECT * FROM serving.crypto_config") == []
