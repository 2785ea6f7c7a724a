"""The page as such: who can use it, on what, and what it says when there is nothing to show."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from serving.auth import hashed, new_key
from stack import database
from tests.browser.conftest import Site, Visitors, serve
from tests.browser.desk import Desk
from tests.browser.test_shown import PANELS
from tests.storage.conftest import Database

SIZES = {"desktop": (1440, 900), "tablet": (820, 1180), "phone": (390, 844)}
AXE = Path(__file__).with_name("vendor") / "axe.min.js"
_LAID_OPEN = """() => {
    for (const one of document.querySelectorAll("main, main *")) {
        if (one.closest("#chart .stage")) continue;
        if (["auto", "hidden"].includes(getComputedStyle(one).overflowY) && !one.classList.contains("hidden")) {
            one.style.overflow = "visible";
            one.style.flex = "none";
            one.style.maxHeight = "none";
            one.parentElement.style.height = "auto";
        }
    }
    for (const one of document.querySelectorAll("thead th, .bar")) one.style.position = "static";
}"""


def ready(page: Page) -> Page:
    for panel in PANELS:
        expect(page.locator(f"#{panel}")).to_have_attribute("data-state", "ready")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    expect(page.locator(".marker.news").first).to_be_visible()
    return page


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_fits_every_screen(site: Site, visit: Visitors, tmp_path: Path, size: str, theme: str) -> None:
    """Nothing is cut off sideways; the picture is kept where pytest keeps its files."""
    width, height = SIZES[size]
    page = ready(visit(site.address, width=width, height=height, theme=theme).page)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    beyond = page.evaluate(
        """() => [...document.querySelectorAll(".panel > header > *, .price .figure, .tools > *")]
            .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML)"""
    )
    assert beyond == []
    page.screenshot(path=str(tmp_path / f"{size}-{theme}.png"))


@pytest.mark.parametrize(("size", "theme"), [("phone", "dark"), ("desktop", "light")])
def test_axe_finds_nothing(site: Site, visit: Visitors, size: str, theme: str) -> None:
    """No rule of WCAG 2.2 A and AA is broken, and none of axe's best practices. What scrolls is laid open for it, as it
    does not look at what is out of sight.
    """
    width, height = SIZES[size]
    page = ready(visit(site.address, width=width, height=height, theme=theme).page)
    page.locator("#fear summary").click()
    page.evaluate(_LAID_OPEN)
    page.evaluate(f"{AXE.read_text(encoding='utf-8')};0")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: dict[str, Any] = page.evaluate("tags => axe.run(document, { runOnly: tags })", tags)

    assert [(one["id"], [node["target"] for node in one["nodes"]][:5]) for one in found["violations"]] == []
    looked_at = {one["id"]: len(one["nodes"]) for one in found["passes"]}
    assert looked_at["color-contrast"] > 400


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_up_and_down_differ_for_every_eye(site: Site, visit: Visitors, theme: str) -> None:
    """As people without red, green or blue cones see them (Viénot 1999, Brettel 1997, as Chromium emulates)."""
    page = visit(site.address, theme=theme).page
    session = page.context.new_cdp_session(page)
    page.evaluate(
        """() => {
            document.body.append(...["up", "down"].map((name, index) => {
                const one = document.createElement("div");
                one.style.cssText = `position: fixed; z-index: 99; width: 100px; height: 100px; left: 0;`
                    + `top: ${index * 100}px; background: var(--${name})`;
                return one;
            }));
        }"""
    )
    for kind in ("none", "protanopia", "deuteranopia", "tritanopia"):
        session.send("Emulation.setEmulatedVisionDeficiency", {"type": kind})
        picture = page.screenshot(clip={"x": 0, "y": 0, "width": 100, "height": 200})
        colours = page.evaluate(
            """async (bytes) => {
                const image = await createImageBitmap(new Blob([new Uint8Array(bytes)]));
                const canvas = new OffscreenCanvas(100, 200).getContext("2d", { willReadFrequently: true });
                canvas.drawImage(image, 0, 0);
                return [50, 150].map((y) => [...canvas.getImageData(50, y, 1, 1).data].slice(0, 3));
            }""",
            list(picture),
        )
        up, down = colours
        assert sum((one - other) ** 2 for one, other in zip(up, down, strict=True)) ** 0.5 > 75, (kind, colours)


def test_it_is_used_by_keyboard(site: Site, visit: Visitors) -> None:
    page = ready(visit(f"{site.address}/?coin=BTC", complains=True).page)  # of coins on the way that have no price
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("input[name=coin][value=BTC]")).to_be_focused()
    page.keyboard.press("ArrowRight")
    assert "coin=DOGE" in page.url
    page.locator("input[name=coin][value=ETH]").focus()
    page.keyboard.press("Space")
    expect(page.locator("#price .lead b")).to_have_text("Ethereum")
    assert "coin=ETH&market=ETH-USDT.binance" in page.url

    ready(page)
    page.locator("#canvas").focus()
    page.keyboard.press("ArrowLeft")
    first = page.locator("#reading").text_content() or ""
    assert " O 3," in first, first
    page.keyboard.press("ArrowLeft")
    assert page.locator("#reading").text_content() != first


def test_the_address_says_what_is_shown(site: Site, visit: Visitors) -> None:
    page = ready(visit(f"{site.address}/?coin=eth&market=ETH-USDT.okx&candles=1h").page)
    expect(page.locator("#price .lead")).to_contain_text("ETH/USDT on okx")
    expect(page.locator("input[name=candles][value='1h']")).to_be_checked()
    page.locator("#ranking button").filter(has_text="BTC").click()
    expect(page.locator("#price .lead")).to_contain_text("BTC/USDT on binance")
    page.reload()
    expect(page.locator("#price .lead")).to_contain_text("BTC/USDT on binance")
    expect(page.locator("input[name=candles][value='1h']")).to_be_checked()


def test_a_finger_sees_what_a_marker_says(site: Site, visit: Visitors) -> None:
    width, height = SIZES["phone"]
    page = ready(visit(site.address, width=width, height=height, has_touch=True).page)
    page.locator(".marker").last.tap()
    expect(page.locator("#card")).to_be_visible()
    page.locator("#chart-name + label").first.dispatch_event("pointerdown")
    expect(page.locator("#card")).to_be_hidden()


def test_the_theme_is_the_systems_until_another_is_chosen(site: Site, visit: Visitors) -> None:
    page = visit(site.address, theme="light").page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.locator("#theme").select_option("dark")
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark


def test_times_are_the_viewers_and_say_so(site: Site, visit: Visitors) -> None:
    page = ready(visit(site.address).page)
    assert (page.locator("#zone").text_content() or "").startswith("America/New York UTC-")


def test_with_nothing_to_show_every_panel_says_so(bare: Site, visit: Visitors) -> None:
    shown = visit(bare.address, complains=True)
    for panel in PANELS:
        expect(shown.page.locator(f"#{panel}")).to_have_attribute("data-state", "empty")
        expect(shown.page.locator(f"#{panel} > .notice .what")).to_be_visible()
    # Chromium itself notes that there is no price.
    assert [text for text in shown.complaints if "temps_reel" not in text] == []


def test_while_the_database_is_away_every_panel_says_so_and_comes_back(site: Site, visit: Visitors) -> None:
    shown = visit("about:blank", complains=True)
    page = shown.page
    problem = '{"detail": "The database does not answer.", "hint": "Try again in a moment."}'
    page.route(
        "**/api/v1/**", lambda route: route.fulfill(status=503, content_type="application/problem+json", body=problem)
    )
    page.goto(site.address)
    for panel in PANELS:
        expect(page.locator(f"#{panel}")).to_have_attribute("data-state", "error")
        expect(page.locator(f"#{panel} > .notice")).to_contain_text("The database does not answer.")
    page.unroute("**/api/v1/**")
    page.locator("#ranking > .notice button").click()
    expect(page.locator("#ranking")).to_have_attribute("data-state", "ready")
    expect(page.locator("#chart")).to_have_attribute("data-state", "ready")

    page.route("**/ranking/**", lambda route: route.abort())
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator("#connection")).to_have_attribute("data-state", "offline")


@pytest.fixture
def locked(filled: tuple[Database, Desk], tmp_path: Path) -> Iterator[Site]:
    """Return a site that asks everybody for a key."""
    with ExitStack() as stack:
        yield serve(*filled, tmp_path, stack, keyless_reads="false")


def test_where_a_key_is_needed_the_page_asks_for_it(locked: Site, visit: Visitors) -> None:
    key_id, key = new_key()
    values = {"key_id": key_id, "name": uuid.uuid4().hex, "hash": hashed(key), "scopes": ["read"], "expires_at": None}
    session = locked.database.session("migrator")
    with session, session.cursor() as cursor:
        cursor.execute(database.statement("api/add_api_key"), values)
    session.close()
    page = visit(locked.address, complains=True).page

    expect(page.locator("#key-dialog")).to_be_visible()
    page.locator("#key").fill(key)
    page.keyboard.press("Enter")
    ready(page)
    expect(page.locator("#key-dialog")).to_be_hidden()
    assert key not in page.url
    assert key not in page.content()
