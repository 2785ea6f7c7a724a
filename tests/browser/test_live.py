"""What happens is on the page without a reload; also while there is no stream."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, Visitors, serve
from tests.browser.desk import Desk
from tests.storage.conftest import Database

SOON = 5_000  # ms


@pytest.fixture(scope="module")
def site(filled: tuple[Database, Desk], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site of these tests' own: what they say is said to whoever comes later, too."""
    with ExitStack() as stack:
        yield serve(*filled, tmp_path_factory.mktemp("live"), stack)


@pytest.fixture
def page(site: Site, visit: Visitors) -> Page:
    return opened(site, visit)


def opened(site: Site, visit: Visitors, **more: Any) -> Page:
    page = visit(f"{site.address}/?coin=BTC&market=BTC-USDT.binance&candles=1m", **more).page
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    for panel in ("price", "chart", "alerts", "news"):
        expect(page.locator(f"#{panel}")).to_have_attribute("data-state", "ready")
    page.evaluate("window.same = true")
    return page


@pytest.fixture
def silent(site: Site) -> Iterator[Site]:
    """Take the stream away for a while."""
    yield site
    site.stream(up=True)


def now() -> int:
    return int(time.time() * 1000)


def alert(**other: Any) -> dict[str, Any]:
    return {
        "alert_id": uuid.uuid4().hex,
        "symbol": "BTC",
        "pair": "BTC/USDT",
        "alert_type": "spike",
        "price": 97_000.0,
        "change_pct": 2.4,
        "threshold": 1.0,
        "severity": "critical",
        "detail": "BTC/USDT moved +2.40 % within 60 s",
        "event_time": now(),
        "detected_at": now(),
        "ended_at": None,
        **other,
    }


def trade(price: float, **other: Any) -> dict[str, Any]:
    given = {"source": "binance", "symbol": "BTC", "pair": "BTC/USDT", "trade_id": uuid.uuid4().hex, "price": price}
    return {**given, "quantity": 0.5, "side": "buy", "event_time": now(), "ingest_time": now(), **other}


def test_an_alert_appears_at_once_and_is_announced(page: Page, site: Site) -> None:
    said = alert()
    site.say("alert", said)

    row = page.locator(f"#alerts .row[data-id='{said['alert_id']}']")
    expect(row).to_be_visible(timeout=SOON)
    expect(row).to_contain_text("+2.40 %")
    expect(page.locator("#announcer")).to_have_text("New alert, critical: Spike of BTC/USDT, +2.40 %.")
    expect(page.locator("#alerts-new")).to_have_text("1 new")
    expect(page.locator(".marker.alert").last).to_have_attribute("data-severity", "critical")
    assert page.evaluate("window.same")


def test_an_alert_that_the_viewer_does_not_want_stays_away(page: Page, site: Site) -> None:
    page.locator("#alert-change").fill("3")
    small, large = alert(change_pct=-2.9), alert(change_pct=-3.0, detail="<b onclick=alert(1)>large</b>")
    site.say("alert", small)
    site.say("alert", large)

    row = page.locator(f"#alerts .row[data-id='{large['alert_id']}']")
    expect(row.locator(".detail")).to_have_text(large["detail"], timeout=SOON)
    assert page.locator(f"#alerts .row[data-id='{small['alert_id']}']").count() == 0


def test_trades_move_the_price_and_the_last_candle(page: Page, site: Site) -> None:
    page.locator("#chart summary").click()
    for price in (96_000.25, 98_765.43):
        site.say("trade", trade(price))
        site.say("trade", trade(1.0, source="okx"))  # another market
        site.say("trade", trade(2.0, event_time=now() - 3_600_000))  # in a candle that is stored: too late

        expect(page.locator("#price .last .number")).to_have_text(f"{price:,.2f}", timeout=SOON)
        expect(page.locator("#legend")).to_contain_text(f"C {price:,.2f}")
    expect(page.locator("#price .last")).to_have_class("last up fresh")
    expect(page.locator("#legend")).to_contain_text("H 98,765.43")
    expect(page).to_have_title("98,765.43 ▲ BTC/USDT · Tidemark")


def test_an_article_appears_at_once(page: Page, site: Site) -> None:
    said: dict[str, Any] = {
        "id": uuid.uuid4().hex * 2,
        "title": "<img src=x onerror='window.harmed = true'> Breaking",
        "url": "https://news.example.com/breaking",
        "website": "CoinDesk",
        "summary": "",
        "cryptocurrencies_mentioned": ["BTC"],
        "sentiment": {"score": 0.7, "polarity": 0.4, "label": "positive"},
        "source": "rss",
        "event_time": now(),
        "ingest_time": now(),
    }
    site.say("article", {**said, "id": "0" * 64, "cryptocurrencies_mentioned": ["ETH"]})
    site.say("article", said)

    expect(page.locator("#news .headline").first).to_have_text(said["title"], timeout=SOON)
    assert page.locator(f"#news .row[data-id='{'0' * 64}']").count() == 0
    assert page.evaluate("window.harmed") is None


def test_without_a_stream_it_asks_again_and_again(silent: Site, visit: Visitors) -> None:
    page = opened(silent, visit, complains=True)  # the browser itself notes each 503
    silent.stream(up=False)
    expect(page.locator("#connection")).to_have_attribute("data-state", "polling", timeout=20_000)
    said = alert(alert_type="daily_move", pair=None, severity="info")
    columns = {**said, "last_price": said["price"], "change_percent": said["change_pct"]}
    silent.database.run(
        "INSERT INTO alert_data (alert_id, alert_type, symbol, pair, last_price, change_percent, threshold, severity,"
        " detail, event_time, detected_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, now(), now())",
        *(
            columns[name]
            for name in ("alert_id", "alert_type", "symbol", "pair", "last_price", "change_percent", "threshold")
        ),
        said["severity"],
        said["detail"],
        role="writer",
    )
    expect(page.locator(f"#alerts .row[data-id='{said['alert_id']}']")).to_be_visible(timeout=10_000)

    silent.stream(up=True)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live", timeout=40_000)
    again = alert()
    silent.say("alert", again)
    expect(page.locator(f"#alerts .row[data-id='{again['alert_id']}']")).to_be_visible(timeout=SOON)
    assert page.evaluate("window.same")


def test_a_stream_that_broke_off_is_taken_up_where_it_ended(silent: Site, visit: Visitors) -> None:
    page = opened(silent, visit, complains=True)
    first, missed = alert(), alert()
    silent.say("alert", first)
    expect(page.locator(f"#alerts .row[data-id='{first['alert_id']}']")).to_be_visible(timeout=SOON)
    silent.stream(up=False)
    expect(page.locator("#connection")).not_to_have_attribute("data-state", "live")
    silent.say("alert", missed)
    silent.stream(up=True)

    expect(page.locator(f"#alerts .row[data-id='{missed['alert_id']}']")).to_be_visible(timeout=40_000)


def test_events_are_read_as_the_standard_says_however_they_are_cut(page: Page) -> None:
    """Against the examples of the HTML Living Standard, 9.2.6, in pieces of every length."""
    text = (
        "data: YHOO\ndata: +2\ndata: 10\n\n: comment\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
        "data:  third\n\nevent: alert\r\ndata: {}\r\nid: 7\r\n\r\ndata: never ended"
    )
    found = page.evaluate(
        """async (text) => {
            const { EventParser } = await import("/static/js/live.js");
            return Array.from({ length: text.length }, (_, size) => {
                const found = [];
                const parser = new EventParser((event) => found.push([event.type, event.data, event.id ?? null]));
                for (let at = 0; at < text.length; at += size + 1) parser.push(text.slice(at, at + size + 1));
                return JSON.stringify(found);
            });
        }""",
        text,
    )
    expected = (
        '[["message","YHOO\\n+2\\n10",null],["message","first event","1"],["message","second event",""],'
        '["message"," third",null],["alert","{}","7"]]'
    )
    assert set(found) == {expected}
