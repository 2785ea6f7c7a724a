"""What is wrong with a request is said in JSON, with a 4xx, and nothing that a caller sends reaches SQL as SQL."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from serving.problems import ProblemDetails
from tests.serving.market import NASTY
from tests.serving.test_listings import API

TRADES = f"{API}/trade/BTC-USDT/historique/"


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


REFUSED: list[tuple[str, dict[str, Any], int, str, str]] = [
    # path, words, status, kind of problem, and what its text has
    ("/prix/bitcion/historique/", {}, 404, "unknown-coin", "Did you mean BTC?"),
    ("/prix/nothing-of-the-kind/temps_reel/", {}, 404, "unknown-coin", "config/crypto"),
    ("/sentiment/%00/historique/", {}, 404, "unknown-coin", "no coin"),
    ("/articles/FOO/", {}, 404, "unknown-coin", "'FOO'"),
    ("/predictions/FOO/", {}, 404, "unknown-coin", "'FOO'"),
    ("/article/historique/", {"crypto_symbol": "FOO"}, 404, "unknown-coin", "'FOO'"),
    ("/trade/BTC-EUR/historique/", {}, 404, "unknown-pair", "BTC/EUR"),
    ("/trade/BTCUSDT/historique/", {}, 422, "wrong-value", "Write BTC/USD or BTC-USD"),
    ("/candles/a/b/c", {}, 422, "wrong-value", "is not a pair"),
    ("/candles/%27%3BDROP-TABLE", {}, 422, "wrong-value", "is not a pair"),
    ("/alert/historique/", {"pair": "BTC"}, 422, "wrong-value", "is not a pair"),
    ("/trade/BTC-USDT/historique/", {"periode": "2h"}, 422, "wrong-value", "periode: Input should be '1h', '24h'"),
    ("/trade/BTC-USDT/historique/", {"date_debut": "yesterday"}, 422, "wrong-value", "date_debut: is not a date"),
    ("/trade/BTC-USDT/historique/", {"date_debut": "2026-02-30"}, 422, "wrong-value", "is not a time that exists"),
    ("/trade/BTC-USDT/historique/", {"date_debut": "1767225600"}, 422, "wrong-value", "is not a date"),
    ("/trade/BTC-USDT/historique/", {"date_fin": "0001-01-01T00:00:00+14:00"}, 422, "wrong-value", "is not a time"),
    ("/trade/BTC-USDT/historique/", {"date_fin": "9999-12-31T23:59:59-14:00"}, 422, "wrong-value", "date_fin"),
    ("/trade/BTC-USDT/historique/", {"date_fin": "1815-06-18"}, 422, "wrong-value", "between the years"),
    (
        "/trade/BTC-USDT/historique/",
        {"date_debut": "2026-03-15", "date_fin": "2026-03-14"},
        422,
        "reversed-range",
        "not before its end, 2026-03-14T00:00:00Z",
    ),
    ("/quality/", {"date_debut": "2026-03-14", "date_fin": "2026-03-14"}, 422, "reversed-range", "not before its end"),
    ("/article/historique/", {"date_debut": "2027-01-01"}, 422, "reversed-range", "not before its end"),
    ("/trade/BTC-USDT/historique/", {"limit": 10_001}, 422, "wrong-value", "less than or equal to 10000"),
    ("/trade/BTC-USDT/historique/", {"limit": 10**40}, 422, "wrong-value", "limit"),
    ("/trade/BTC-USDT/historique/", {"limit": 0}, 422, "wrong-value", "greater than or equal to 1"),
    ("/trade/BTC-USDT/historique/", {"page": 999_999}, 422, "wrong-value", "`next`"),
    ("/trade/BTC-USDT/historique/", {"pediode": "1h"}, 422, "wrong-value", "no such parameter"),
    ("/trade/BTC-USDT/historique/", {"source": "' OR 1=1 --"}, 422, "wrong-value", "source"),
    ("/alert/historique/", {"alert_type": "spike'; DROP TABLE alert_data; --"}, 422, "wrong-value", "alert_type"),
    ("/impact/", {"min_score": "nan"}, 422, "wrong-value", "min_score"),
    ("/impact/", {"article_id": "a\0b"}, 422, "wrong-value", "article_id"),
    ("/candles/BTC-USDT", {"resolution": "2m"}, 422, "wrong-value", "There are 1m, 5m, 1h"),
    ("/candles/BTC-USDT", {"resolution": "1m", "periode": "30d"}, 422, "too-many-points", "Choose a coarser"),
    ("/ticker/BTC-USD/historique/", {"resolution": "1m", "periode": "7d"}, 422, "too-many-points", "10,000"),
    ("/trade/BTC-USDT/historique/", {"cursor": "nonsense!"}, 422, "wrong-cursor", "Follow `next`"),
    ("/trade/BTC-USDT/historique/", {"cursor": "é"}, 422, "wrong-cursor", "Follow `next`"),
    ("/trade/BTC-USDT/historique/", {"cursor": cursor("2026-03-15T09:00:00+00:00")}, 422, "wrong-cursor", "cursor"),
    (
        "/trade/BTC-USDT/historique/",
        {"cursor": cursor("2026-03-15T09:00:00+00:00", "okx", 7)},
        422,
        "wrong-cursor",
        "cursor",
    ),
    (
        "/trade/BTC-USDT/historique/",
        {"cursor": cursor("2026-03-15T09:00:00+00:00", "a\0", "7")},
        422,
        "wrong-cursor",
        "cursor",
    ),
    (
        "/trade/BTC-USDT/historique/",
        {"cursor": cursor("2020-01-01T00:00:00+00:00", "okx", "7")},  # not in the range
        422,
        "wrong-cursor",
        "cursor",
    ),
    ("/impact/", {"cursor": cursor("2026-03-15T09:00:00+00:00", "", "", "", "", 2**70)}, 422, "wrong-cursor", "cursor"),
    ("/market-sentiment/", {"cursor": cursor("0001-01-01T00:00:00+14:00", "")}, 422, "wrong-cursor", "cursor"),
    ("/nothing/", {}, 404, "unknown-path", "/docs"),
    ("/trade/BTC-USDT/historique/", {"cursor": "x" * 1001}, 422, "wrong-value", "at most 1000"),
    ("/trade/BTC-USDT/historique/", {"source": "x" * 3000}, 414, "too-long", "2,048 bytes"),
    ("/prix/" + "x" * 1100 + "/historique/", {}, 414, "too-long", "1,024"),
    ("/prix/" + "x" * 100 + "/historique/", {}, 422, "wrong-value", "at most 64"),
]


@pytest.mark.parametrize(
    ("path", "words", "status", "kind", "text"), REFUSED, ids=[f"{p[:30]} {w}"[:60] for p, w, *_ in REFUSED]
)
def test_what_is_wrong_is_said(
    api: TestClient, path: str, words: dict[str, Any], status: int, kind: str, text: str
) -> None:
    answer = api.get(API + path, params=words or None)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    found = ProblemDetails.model_validate(answer.json())
    assert (found.status, found.type) == (status, f"urn:tidemark:problem:{kind}")
    assert text in f"{found.detail} {found.hint}"
    assert found.request_id == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"


def test_all_that_is_wrong_is_said_at_once(api: TestClient) -> None:
    words = {"periode": "2h", "limit": "many", "date_debut": "soon", "colour": "red"}
    errors = api.get(TRADES, params=words).json()["errors"]
    assert {(error["place"], error["name"]) for error in errors} == {("query", name) for name in words}


def test_a_path_knows_its_methods(api: TestClient) -> None:
    answer = api.delete(f"{API}/config/crypto/")
    assert (answer.status_code, answer.json()["type"]) == (405, "urn:tidemark:problem:unknown-method")
    assert "GET" in answer.headers["allow"]
    head = api.head(f"{API}/quality/")
    assert (head.status_code, head.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize("nasty", [*NASTY, "BTC' OR '1'='1", "BTC\\", "${7*7}", "../../etc/passwd", "BTC\r\nX-Evil: 1"])
def test_no_word_of_a_caller_is_taken_for_more(api: TestClient, nasty: str) -> None:
    """Neither for SQL nor for a header; and answers are JSON, which no browser takes for a page."""
    before = api.get(f"{API}/alert/historique/").json()["count"]
    for name in ("crypto_symbol", "pair", "alert_type", "severity", "cursor", "date_debut"):
        answer = api.get(f"{API}/alert/historique/", params={name: nasty})
        assert answer.status_code in (404, 422)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "x-evil" not in answer.headers
    assert api.get(f"{API}/prix/{quote(nasty, safe='')}/temps_reel/").status_code in (404, 422)
    assert api.get(f"{API}/alert/historique/").json()["count"] == before
