"""The files of the dashboard, as they are served; what it shows is held against PostgreSQL by tests/browser."""

from __future__ import annotations

import hashlib
import re

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving import dashboard, problems

FILES = sorted(path.relative_to(dashboard.FILES).as_posix() for path in dashboard.FILES.rglob("*") if path.is_file())
VENDOR = dashboard.FILES / "vendor" / "lightweight-charts"


@pytest.fixture(scope="module")
def site() -> TestClient:
    app = FastAPI()
    problems.register(app)
    dashboard.register(app)
    return TestClient(app)


def test_the_page_has_no_script_or_style_of_its_own_and_asks_nobody_else() -> None:
    page = (dashboard.FILES / "index.html").read_text(encoding="utf-8")

    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page) == []
    loaded = re.findall(r"(?:src|<link[^>]* href)=\"([^\"]*)\"", page)
    assert loaded
    assert [address for address in loaded if not address.startswith("/static/")] == []


def test_scripts_make_no_markup_of_text() -> None:
    wrong = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setAttribute\(\"style\""
    ours = sorted((dashboard.FILES / "js").glob("*.js"))

    assert ours
    assert [path.name for path in ours if re.search(wrong, path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_served_whole_and_once(site: TestClient, path: str) -> None:
    answer = site.get(f"/static/{path}")

    assert answer.content == (dashboard.FILES / path).read_bytes()
    assert answer.headers["content-encoding"] == "gzip"
    assert site.get(f"/static/{path}", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert site.get(f"/static/{path}", headers={"Accept-Encoding": "identity"}).content == answer.content


def test_modules_have_the_type_that_browsers_ask_for(site: TestClient) -> None:
    assert site.get("/static/js/main.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert site.get("/").headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["js/none.js", "../dashboard.py", "%2e%2e/dashboard.py", "", "js", "/etc/passwd"])
def test_nothing_else_is_served(site: TestClient, path: str) -> None:
    assert site.get(f"/static/{path}").status_code == 404


def test_the_chart_library_is_the_one_that_its_note_names() -> None:
    note = (VENDOR / "README.md").read_text(encoding="utf-8")
    library = (VENDOR / "lightweight-charts.js").read_bytes()

    assert hashlib.sha256(library).hexdigest() in note
    version = re.search(rb"Lightweight Charts\S* v([\d.]+)", library)
    assert version
    assert f"`lightweight-charts` {version[1].decode()}" in note
    assert "https://www.tradingview.com/" in (VENDOR / "NOTICE").read_text(encoding="utf-8")
    assert "https://www.tradingview.com/" in (dashboard.FILES / "index.html").read_text(encoding="utf-8")
