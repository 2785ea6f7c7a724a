"""Who may do what: keys, tokens, programs on this machine; limits; and what every answer carries."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.testclient import TestClient, WebSocketDenialResponse
from structlog.testing import capture_logs

from serving.auth import hashed, is_loopback, new_key, with_lesser
from serving.limits import network
from tests.serving.conftest import Api, Clock
from tests.serving.test_listings import API
from tidemark.errors import UserError
from tidemark.settings import load

ELSEWHERE = ("203.0.113.9", 40_000)
READ = f"{API}/market-sentiment/"
CONFIG = f"{API}/config/crypto/"
SOLANA = {"symbol": "SOL", "name": "Solana"}
SECRET = "a secret that is longer than the sixty-four letters which the longest hash wants"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is to be refused without a key
Own = Callable[..., Api]


def token(key: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    now = datetime.now(timezone.utc)
    usual = {"iss": "tidemark", "aud": "tidemark", "sub": "ada", "exp": now + timedelta(hours=1), "scope": "read"}
    return jwt.encode({name: value for name, value in {**usual, **claims}.items() if value}, key, algorithm)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_program_on_this_machine_reads_without_a_key_and_writes_nothing(apis: Api) -> None:
    api = apis()
    assert api.get(READ).status_code == 200
    refused = api.post(CONFIG, json=SOLANA)
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:tidemark:problem:unknown-caller")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert "tidemark api keys create" in refused.json()["hint"]


@pytest.mark.parametrize(
    ("api", "address", "headers"),
    [
        ({}, ELSEWHERE, {}),
        ({"host": EVERYWHERE}, ELSEWHERE, {}),
        ({"host": EVERYWHERE}, ("127.0.0.1", 1), {}),  # may be a proxy that speaks for anybody
        ({"keyless_reads": False}, ("127.0.0.1", 1), {}),
        ({}, ("127.0.0.1", 1), {"X-Forwarded-For": "203.0.113.9"}),
        ({}, ("127.0.0.1", 1), {"Forwarded": "for=203.0.113.9"}),
        ({}, ("testclient", 1), {}),
    ],
)
def test_nobody_else_reads_without_a_key(
    apis: Api, api: dict[str, Any], address: tuple[str, int], headers: dict[str, str]
) -> None:
    caller = apis(address=address, **api)
    for path in (READ, CONFIG, "/metrics", f"{API}/audit/"):
        assert caller.get(path, headers=headers).status_code == 401
    assert caller.get("/healthz/live", headers=headers).status_code == 200
    assert caller.get(READ, headers={**headers, **bearer(apis.key("read"))}).status_code == 200


def test_each_scope_includes_those_before_it(own: Own) -> None:
    made = own()
    made()
    status: dict[str, tuple[int, int, int]] = {}
    for scope in ("read", "write", "admin"):
        caller = made.caller(address=ELSEWHERE, key=made.key(scope))
        status[scope] = (
            caller.get(READ).status_code,
            caller.post(CONFIG, json=SOLANA).status_code,
            caller.get(f"{API}/audit/").status_code,
        )
    assert status == {"read": (200, 403, 403), "write": (200, 201, 403), "admin": (200, 200, 200)}
    assert with_lesser(["admin"]) == {"read", "write", "admin"}
    assert with_lesser(["nothing", "read"]) == {"read"}
    assert with_lesser([]) == frozenset()


def test_a_key_can_be_given_in_a_header_of_its_own(apis: Api) -> None:
    caller = apis(address=ELSEWHERE)
    assert caller.get(READ, headers={"X-API-Key": apis.key("read")}).status_code == 200
    assert caller.get(f"{READ}?key={apis.key('read')}").status_code == 401  # not in an address, which logs keep


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key.replace("tdm_", "tdm_x")[: len(key)],
        lambda key: new_key()[1],
        lambda key: "",
        lambda key: "tdm_",
        lambda key: "null",
        lambda key: "é" * 20,
        lambda key: key + "' OR '1'='1",
    ],
)
def test_what_is_not_the_key_is_refused(apis: Api, spoil: Callable[[str], str]) -> None:
    caller = apis()  # also on this machine, where none at all would do
    key = apis.key("admin")
    for name, value in ((b"Authorization", f"Bearer {spoil(key)}"), (b"X-API-Key", spoil(key))):
        assert caller.get(READ, headers={name: value.encode()}).status_code == 401
    assert caller.get(READ, headers={"Authorization": f"Basic {key}"}).status_code == 401
    assert caller.get(READ, headers=bearer(key)).status_code == 200


def test_a_revoked_key_is_refused_within_a_second(own: Own) -> None:
    made, clock = own(), Clock()
    key = made.key("read")
    made(clock)
    caller = made.caller(address=ELSEWHERE, key=key)
    assert caller.get(READ).status_code == 200
    made.database.run("UPDATE serving.api_keys SET revoked_at = now() WHERE hash = %s", hashed(key))
    assert caller.get(READ).status_code == 200
    clock.forward(1)
    assert caller.get(READ).status_code == 401
    assert caller.get(READ).status_code == 401


def test_a_key_ends_when_it_was_to(own: Own) -> None:
    made = own()
    made()
    now = datetime.now(timezone.utc)
    for hours, status in ((-1, 401), (1, 200)):
        key = made.key("read", expires_at=now + timedelta(hours=hours))
        assert made.caller(address=ELSEWHERE, key=key).get(READ).status_code == status


def test_the_database_has_hashes_only_and_the_roles_what_they_need(own: Own) -> None:
    made = own()
    key = made.key("read")
    ((row,),) = made.database.run("SELECT api_keys::text FROM serving.api_keys")
    assert key.split("_", 2)[2] not in row
    refused = [
        ("reader", "SELECT * FROM serving.api_keys"),
        ("reader", "SELECT * FROM serving.audit_log"),
        ("reader", "INSERT INTO serving.crypto_config VALUES ('X', 'X', true)"),
        ("writer", "SELECT * FROM serving.crypto_config"),
        ("api", "INSERT INTO serving.api_keys SELECT * FROM serving.api_keys"),
        ("api", "UPDATE serving.api_keys SET scopes = '{admin}'"),
        ("api", "UPDATE serving.audit_log SET actor = 'nobody'"),
        ("api", "DELETE FROM serving.audit_log"),
        ("api", "DELETE FROM serving.crypto_config"),
        ("api", "SELECT * FROM trade_data"),
        ("api", "CREATE TABLE serving.more (id int)"),
        ("api", "CREATE TABLE public.more (id int)"),
    ]
    for role, statement in refused:
        with pytest.raises(Exception, match="permission denied"):
            made.database.run(statement, role=role)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 200),
        ({"scope": "write"}, 200),
        ({"scope": "read profile"}, 200),
        ({"scope": "profile"}, 403),
        ({"scope": None}, 403),
        ({"exp": 1}, 401),
        ({"exp": None}, 401),
        ({"sub": None}, 401),
        ({"iss": "somebody"}, 401),
        ({"aud": "something"}, 401),
        ({"nbf": 4_000_000_000}, 401),
        ({"key": "another secret of more than thirty-two letters"}, 401),
        ({"algorithm": "HS512"}, 401),
        ({"key": None, "algorithm": "none"}, 401),
    ],
)
def test_a_token_holds_as_long_as_all_of_it_does(apis: Api, claims: dict[str, Any], status: int) -> None:
    caller = apis(address=ELSEWHERE, jwt_secret=SECRET)
    assert caller.get(READ, headers=bearer(token(**claims))).status_code == status


def test_a_token_can_be_signed_by_who_keeps_the_key_to_themselves(apis: Api, tmp_path: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "key.pem").write_bytes(public)
    caller = apis(address=ELSEWHERE, jwt_public_key=tmp_path / "key.pem", jwt_issuer="https://id.example.com")
    good = token(private, "ES256", iss="https://id.example.com")
    assert caller.get(READ, headers=bearer(good)).status_code == 200
    # What everybody knows, the public key, is no secret to sign with.
    head, body = (jwt.utils.base64url_encode(json.dumps(part).encode()) for part in (
        {"alg": "HS256", "typ": "JWT"},
        {"iss": "https://id.example.com", "aud": "tidemark", "sub": "eve", "exp": 4e9, "scope": "admin"},
    ))  # fmt: skip
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(head + b"." + body, public)
    forged = b".".join((head, body, jwt.utils.base64url_encode(signature))).decode()
    assert caller.get(READ, headers=bearer(forged)).status_code == 401


def test_tokens_are_refused_where_they_are_not_set_up(apis: Api) -> None:
    answer = apis().get(READ, headers=bearer(token()))
    assert (answer.status_code, "not set up" in answer.json()["detail"]) == (401, True)


@pytest.mark.parametrize(
    ("api", "wrong"),
    [
        ({"jwt_secret": "short"}, "jwt_secret"),
        ({"jwt_secret": SECRET, "jwt_public_key": __file__}, "public key"),
        ({"jwt_public_key": "/nowhere"}, "cannot be read"),
        ({"latest_for": "2s"}, "at most a second"),
        ({"rate_per_key": "many"}, "rate_per_key"),
    ],
)
def test_settings_that_would_not_do_are_refused(api: dict[str, Any], wrong: str) -> None:
    with pytest.raises(UserError, match=wrong) as caught:
        load(api=api)
    assert SECRET not in str(caught.value)


def test_too_many_requests_from_an_address(apis: Api) -> None:
    apis(rate_per_address="5/minute")
    one = apis.caller(address=("127.0.0.1", 1))
    assert [one.get(READ).status_code for _ in range(7)] == [200] * 5 + [429] * 2
    refused = one.get(READ)
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    assert refused.json()["type"] == "urn:tidemark:problem:too-many-requests"
    assert "5 requests in a minute" in refused.json()["detail"]
    assert refused.headers["content-security-policy"]
    # Others feel nothing; who guesses keys is stopped as well.
    other = apis.caller(address=ELSEWHERE)
    assert [other.get(READ, headers=bearer(new_key()[1])).status_code for _ in range(7)] == [401] * 5 + [429] * 2


def test_too_many_requests_with_a_key_from_anywhere(apis: Api) -> None:
    key = apis.key("read")
    apis(rate_per_key="4/minute")
    callers = [apis.caller(address=(f"203.0.113.{n}", 1), key=key) for n in range(6)]
    assert [caller.get(READ).status_code for caller in callers] == [200] * 4 + [429] * 2
    assert apis.caller(address=ELSEWHERE, key=apis.key("read")).get(READ).status_code == 200


def test_an_address_is_what_one_household_has() -> None:
    assert network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2::9") != network("2001:db8:1:3::9")
    assert network("203.0.113.9") == network("::ffff:203.0.113.9") != network("203.0.113.8")
    assert network(None) == "unknown"
    assert [is_loopback(one) for one in ("127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1")] == [
        True
    ] * 5
    assert [is_loopback(one) for one in (EVERYWHERE, "::", "192.168.1.1", "example.com", "", None)] == [False] * 6


@pytest.mark.parametrize(
    "path", [READ, "/nothing", f"{READ}?x=1", "/docs", "/openapi.json", "/healthz/live", "/metrics"]
)
def test_every_answer_is_harmless_to_a_browser(apis: Api, path: str) -> None:
    headers = apis().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert len(headers["x-request-id"]) == 16
    assert "server" not in headers


def test_the_page_of_the_paths_fetches_nothing_from_elsewhere(apis: Api) -> None:
    api = apis()
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "://" not in page.text
    assert "<script>" not in page.text
    for name, kind in (
        ("swagger-ui.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("start.js", "text/javascript"),
    ):
        file = api.get(f"/docs/{name}")
        assert (file.status_code, file.headers["content-type"].partition(";")[0]) == (200, kind)


def test_pages_of_other_sites_call_only_where_they_are_named(apis: Api) -> None:
    desk = "https://desk.example.com"
    api = apis(cors_origins=[desk])
    assert api.get(READ, headers={"Origin": desk}).headers["access-control-allow-origin"] == desk
    assert "access-control-allow-origin" not in api.get(READ, headers={"Origin": "https://evil.example"}).headers
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    assert api.options(CONFIG, headers={"Origin": desk, **asks}).status_code == 200
    assert api.options(CONFIG, headers={"Origin": "https://evil.example", **asks}).status_code == 400
    refused = api.get(READ, headers={"Origin": desk, **bearer("nonsense")})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, desk)
    assert "access-control-allow-origin" not in apis().get(READ, headers={"Origin": desk}).headers


def test_a_page_whose_name_leads_to_this_machine_is_not_let_in(apis: Api) -> None:
    api = apis(names=["Desk.example.com"])
    statuses = {
        name: api.get(READ, headers={"Host": name}).status_code
        for name in ("127.0.0.1:8000", "localhost", "[::1]:8000", "desk.example.com", "rebound.evil.example", "", "a b")
    }
    assert statuses == {
        "127.0.0.1:8000": 200,
        "localhost": 200,
        "[::1]:8000": 200,
        "desk.example.com": 200,
        "rebound.evil.example": 421,
        "": 421,
        "a b": 421,
    }


def test_live_streams_are_guarded_as_the_rest_is(apis: Api) -> None:
    """Nothing is told by these apps; who may not read, or is a page of another site, does not get as far as to know."""
    apis(cors_origins=["https://desk.example.com"])
    here, elsewhere = apis.caller(), apis.caller(address=ELSEWHERE)

    def status(caller: TestClient, **headers: str) -> int:
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            caller.websocket_connect("/ws/alerts", headers={"Host": "127.0.0.1", **headers}),
        ):
            pass
        return refused.value.status_code

    assert status(elsewhere) == 401
    assert status(elsewhere, **bearer("nonsense")) == 401
    assert status(here, Origin="https://evil.example") == 403
    assert status(here, Host="rebound.evil.example") == 421
    for origin in ("https://desk.example.com", "http://127.0.0.1"):
        assert status(here, Origin=origin) == 404
    assert status(elsewhere, **bearer(apis.key("read"))) == 404


def test_bodies_are_read_only_so_far(own: Own) -> None:
    made = own()
    made(max_body=2000)
    caller = made.caller(key=made.key("write"))
    long = json.dumps({"symbol": "SOL", "name": "x" * 3000}).encode()
    headers = {"Content-Type": "application/json"}
    for body in (long, iter([long[:1500], long[1500:]])):
        answer = caller.post(CONFIG, content=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:tidemark:problem:too-long")
    pieces = iter([b'{"symbol": "SOL",', b' "name": "Solana"}'])
    assert caller.post(CONFIG, content=pieces, headers=headers).status_code == 201


def test_no_secret_is_in_a_log_an_error_or_a_metric(own: Own) -> None:
    made = own()
    key, jwt_token = made.key("read"), token()
    with capture_logs() as logs:
        made(jwt_secret=SECRET)
        said = []
        for secret in (key, jwt_token, key[:-1] + "x", "Basic hunter2-hunter2"):
            caller = made.caller(address=ELSEWHERE)
            for path in (READ, f"{READ}?periode=x", "/nothing"):
                answer = caller.get(path, headers=bearer(secret))
                said.append(answer.text + str(answer.headers))
        said.append(made.caller().get("/metrics").text)
    said.append(json.dumps(logs, default=str))
    secrets = [key, key[:-1], jwt_token, SECRET, "hunter2"]
    folder = made.database.settings.data_dir / "secrets"
    secrets += [(folder / role).read_text().strip() for role in ("reader", "api")]
    assert [secret for secret in secrets if any(secret in text for text in said)] == []


def test_a_failure_of_ours_says_nothing_of_itself(apis: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("postgres://reader:hunter2@db")

    api = apis()
    monkeypatch.setattr("serving.coins.Coins.symbol", fails)
    with capture_logs() as logs:
        answer = api.get(f"{API}/prix/btc/temps_reel/")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "hunter2" not in answer.text
    assert answer.json()["request_id"] in json.dumps(logs, default=str)
    assert answer.headers["content-security-policy"]
