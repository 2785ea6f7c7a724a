"""The OpenAPI document is true, whatever is called by it: over a real socket, by thousand cases nobody thought of."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from serving.app import create_app
from tests.serving.conftest import Api, Clock
from tests.serving.market import Market
from tests.serving.test_listings import API
from tests.storage.conftest import Database
from tests.world import wait_for
from tidemark.settings import Settings

CASES = 1000
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
EXAMPLES = 30  # of each operation, in each mode

# As DESIGN has them; others may come beside them.
PATHS = [
    "sentiment/{crypto}/historique/",
    "prix/{crypto}/historique/",
    "prix/{crypto}/temps_reel/",
    "prediction/{symbol}/historique/",
    "predictions/{crypto}/",
    "ticker/{pair}/historique/",
    "trade/{pair}/historique/",
    "article/historique/",
    "articles/{crypto}/",
    "alert/historique/",
    "config/crypto/",
    "config/visualization/",
    "candles/{pair}",
    "impact/",
    "ranking/",
    "quality/",
]


@pytest.fixture(scope="module")
def served(server: Settings, market: Market) -> Iterator[tuple[str, str]]:
    """Serve a market of its own over a socket; return where, and a key that may do everything."""
    made = Database(server)
    made.migrate()
    market.store(made)
    with ExitStack() as stack:
        api = Api(made, stack)
        key = api.key("admin")
        app = create_app(api.settings(), clocks=Clock().clocks, kafka_check=lambda: None)
        running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False))
        thread = threading.Thread(target=running.run)
        thread.start()
        try:
            wait_for(lambda: running.started, "the API", 30)
            port = running.servers[0].sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{port}", key
        finally:
            running.should_exit = True
            thread.join(30)


@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
def test_no_case_breaks_it(served: tuple[str, str], mode: schemathesis.GenerationMode) -> None:
    """Neither what the document allows, nor what it does not; and answers are what it says they are."""
    address, key = served
    document: Any = schemathesis.openapi.from_url(f"{address}/openapi.json")
    statuses: Counter[int] = Counter()
    with requests.Session() as session:
        for found in document.get_all_operations():
            operation = found.ok()

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=EXAMPLES,
                derandomize=True,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.explicit, Phase.generate],
            )
            def call(case: Any) -> None:
                answer = case.call(session=session, headers={"Authorization": f"Bearer {key}"}, timeout=30)
                statuses[answer.status_code] += 1
                case.validate_response(answer, checks=list(CHECKS))

            if (
                mode is schemathesis.GenerationMode.POSITIVE
                or operation.query
                or operation.path_parameters
                or operation.body
            ):
                call()
    assert sum(statuses.values()) >= CASES / 2, statuses
    assert [status for status in statuses if status >= 500] == []
    if mode is schemathesis.GenerationMode.POSITIVE:
        assert statuses[200] >= CASES / 10, statuses


def test_every_path_of_the_design_is_there_and_nothing_is_without_words(api: TestClient) -> None:
    found = api.get("/openapi.json").json()
    assert [path for path in PATHS if f"{API}/{path}" not in found["paths"]] == []
    assert {*found["paths"][f"{API}/config/crypto/"]} == {"get", "post"}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            assert operation["description"], path
            assert any(status.startswith("2") for status in operation["responses"])
            if path.startswith(API):
                assert {"401", "422", "429", "503"} <= set(operation["responses"]), path
                assert operation["security"][0] == (
                    {} if method == "get" and not path.endswith("audit/") else {"bearer": []}
                )
    for name, schema in found["components"]["schemas"].items():
        assert schema.get("description"), name


def test_problems_are_documented_as_what_they_are(api: TestClient) -> None:
    found = api.get("/openapi.json").json()
    for methods in found["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status[0] == "4":
                    assert list(answer["content"]) == ["application/problem+json"]
                    assert answer["content"]["application/problem+json"]["schema"]["$ref"].endswith("/ProblemDetails")


def test_there_are_examples(api: TestClient) -> None:
    found = api.get("/openapi.json").json()
    trades = found["paths"][f"{API}/trade/{{pair}}/historique/"]["get"]
    assert {one["value"] for one in trades["parameters"][0]["examples"].values()} == {"BTC-USD", "BTC/USD"}
    assert found["components"]["schemas"]["Trade"]["properties"]["price"]["examples"]
    assert found["components"]["schemas"]["NewCryptoConfig"]["examples"]


def test_a_browser_and_curl_find_the_same_over_a_socket(served: tuple[str, str]) -> None:
    address, key = served
    for path in ("/trade/BTC%2FUSDT/historique/", "/trade/BTC/USDT/historique/", "/trade/btc-usdt/historique/"):
        answer = requests.get(f"{address}{API}{path}?periode=1h", timeout=10)
        assert (answer.status_code, answer.json()["pair"]) == (200, "BTC/USDT")
    # Without the slash at the end one is led there.
    assert requests.get(f"{address}{API}/config/crypto", timeout=10).status_code == 200
    head = requests.head(f"{address}{API}/macro/", timeout=10)
    assert (head.status_code, head.content) == (200, b"")
    answer = requests.get(f"{address}{API}/macro/", timeout=10)
    again = requests.get(f"{address}{API}/macro/", headers={"If-None-Match": answer.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    body = b'{"symbol": "SOL", "name": "Solana", "padding": "' + b"x" * 20_000 + b'"}'
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for data in (body, iter([body[:9000], body[9000:]])):  # the second one in chunks, without a length
        refused = requests.post(f"{address}{API}/config/crypto/", data=data, headers=headers, timeout=10)
        assert (refused.status_code, refused.headers["Content-Type"]) == (413, "application/problem+json")


def test_many_at_once_are_all_answered(served: tuple[str, str]) -> None:
    address, _ = served
    paths = ["/macro/", "/prix/btc/temps_reel/", "/trade/BTC-USDT/historique/", "/candles/BTC-USDT", "/quality/"]
    failed: list[Any] = []

    def ask(number: int) -> None:
        with requests.Session() as session:
            for turn in range(20):
                path = paths[(number + turn) % len(paths)]
                answer = session.get(
                    f"{address}{API}{path}",
                    params={"limit": 1 + turn} if turn % 2 and "prix" not in path and "quality" not in path else {},
                    timeout=30,
                )
                if answer.status_code != 200:
                    failed.append((path, answer.status_code, answer.text))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
