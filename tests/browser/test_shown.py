"""Each panel shows what PostgreSQL holds."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ZONE, Site, Visitors
from tests.browser.desk import SCRIPT
from tests.world import wait_for

MARKET = ("BTC/USDT", "binance")
PANELS = ("price", "chart", "alerts", "news", "ranking", "predictions", "mood", "fear", "volume", "feeds", "macro")


def opened(site: Site, visit: Visitors) -> Page:
    page = visit(f"{site.address}/?coin=BTC&market=BTC-USDT.binance").page
    for panel in PANELS:
        expect(page.locator(f"#{panel}")).to_have_attribute("data-state", "ready")
    return page


@pytest.fixture(scope="module")
def page(site: Site, visit_all: Visitors) -> Page:
    return opened(site, visit_all)


def as_table(page: Page, panel: str) -> None:
    """Open what is folded up below a panel."""
    if page.locator(f"{panel} details[open]").count() == 0:
        page.locator(f"{panel} summary").click()
    expect(page.locator(f"{panel} details tbody tr").first).to_be_visible()


def cells(page: Page, panel: str) -> list[list[str]]:
    """Return the texts of a table's cells."""
    found: list[list[str]] = page.locator(f"{panel} tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent.trim()))"
    )
    return found


def ids(page: Page, panel: str) -> list[str]:
    found: list[str] = page.locator(f"#{panel} .row").evaluate_all("rows => rows.map(row => row.dataset.id)")
    return found


def money(value: float) -> str:
    return f"{value:,.2f}"


def change(value: float) -> str:
    return f"{value:+.2f} %".replace("-", "−")


def here(moment: datetime, form: str) -> str:
    return moment.astimezone(ZoneInfo(ZONE)).strftime(form)


def test_price(page: Page, site: Site) -> None:
    ((last, at),) = site.rows(
        "SELECT price, event_time FROM trade_data WHERE (pair, source) = (%s, %s) ORDER BY event_time DESC LIMIT 1",
        *MARKET,
    )
    ((high, low),) = site.rows(
        "SELECT max(high), min(low) FROM candles WHERE (pair, source) = (%s, %s) AND resolution = '1h'"
        " AND window_start >= date_trunc('hour', now() - interval '24 hours')",
        *MARKET,
    )
    expect(page.locator("#price .last .number")).to_have_text(money(last))
    expect(page.locator("#price time")).to_have_text(here(at, "%H:%M:%S"))
    expect(page).to_have_title(
        f"{money(last)} {page.locator('#price .last .arrow').text_content()} BTC/USDT · Tidemark"
    )
    shown_high, shown_low = page.locator("#price .figure .value").all_text_contents()[:2]
    assert float(shown_high.replace(",", "")) >= high
    assert float(shown_low.replace(",", "")) <= low


@pytest.mark.parametrize("resolution", ["1m", "5m", "1h"])
def test_candles(page: Page, site: Site, resolution: str) -> None:
    page.locator(f"input[name=candles][value='{resolution}']").check(force=True)
    as_table(page, "#chart")
    stored = site.rows(
        "SELECT window_start, open, high, low, close FROM candles"
        " WHERE (pair, source) = (%s, %s) AND resolution = %s ORDER BY window_start DESC LIMIT 50",
        *MARKET,
        resolution,
    )
    expected = [
        [f"{here(row[0], '%d').lstrip('0')} {here(row[0], '%b, %H:%M')}", *map(money, row[1:])] for row in stored
    ]

    def found() -> list[list[str]]:
        rows = [row[:5] for row in cells(page, "#chart")]
        begins = [row[0] for row in rows]
        # What is newer than any stored candle is made of trades.
        at = begins.index(expected[0][0]) if expected[0][0] in begins else len(rows)
        return rows[at : at + 50] if at < 8 else []

    wait_for(lambda: found() == expected, f"the candles of {resolution}", 10)


def test_alerts(page: Page, site: Site) -> None:
    assert ids(page, "alerts") == newest_alerts(site, "TRUE")
    ((detail,),) = site.rows("SELECT detail FROM alert_data ORDER BY event_time DESC LIMIT 1")
    expect(page.locator("#alerts .detail").first).to_have_text(detail)


def newest_alerts(site: Site, which: str) -> list[str]:
    found = site.rows(
        f"SELECT alert_id FROM alert_data WHERE {which} ORDER BY event_time DESC, alert_id DESC LIMIT 100"
    )
    return [alert_id for (alert_id,) in found]


@pytest.mark.parametrize(
    ("control", "value", "which"),
    [
        ("alert-change", "1.5", "abs(change_percent) >= 1.5"),
        ("alert-type", "zscore", "alert_type = 'zscore'"),
        ("alert-severity", "warning", "severity IN ('warning', 'critical')"),
        ("alert-coins", "one", "symbol = 'BTC'"),
    ],
)
def test_the_viewers_choice_of_alerts_holds_and_is_kept(
    site: Site, visit: Visitors, control: str, value: str, which: str
) -> None:
    page = opened(site, visit)
    box = page.locator(f"#{control}")
    if control == "alert-change":
        box.fill(value)
    else:
        box.select_option(value)
    expected = newest_alerts(site, which)
    assert len(expected) < len(newest_alerts(site, "TRUE")) or len(expected) == 100
    wait_for(lambda: ids(page, "alerts") == expected, "the alerts that are wanted", 10)

    page.reload()
    expect(page.locator(f"#{control}")).to_have_value(value)
    wait_for(lambda: ids(page, "alerts") == expected, "the same after a reload", 10)


def test_news_with_their_impact(page: Page, site: Site) -> None:
    stored = site.rows(
        "SELECT id, title, round(return_after_pct::numeric, 2), round(abnormal_score::numeric, 1) FROM article_data"
        " LEFT JOIN news_impact AS impact ON article_id = id AND (pair, impact.source, horizon_seconds) = (%s, %s, 300)"
        " WHERE 'BTC' = ANY(string_to_array(cryptocurrencies_mentioned, ',')) ORDER BY event_time DESC LIMIT 60",
        *MARKET,
    )
    assert ids(page, "news") == [row[0] for row in stored]
    assert page.locator("#news .headline").all_text_contents() == [row[1] for row in stored]
    verdicts = page.locator("#news .row").evaluate_all(
        "rows => rows.map(row => row.querySelector('p.line.faint').lastChild.textContent)"
    )
    for (_, _, moved, score), verdict in zip(stored, verdicts, strict=True):
        if moved is None:
            assert verdict == "not measured yet"
        else:
            assert change(float(moved)) in verdict or abs(moved) < 0.01
            assert verdict.endswith(" σ")
            assert abs(float(verdict.split()[-2].replace("−", "-")) - float(score)) < 0.11


def test_markers_show_headline_and_impact(page: Page, site: Site) -> None:
    """By pointer and by keyboard."""
    marker = page.locator(".marker.news").nth(2)
    marker.hover()
    card = page.locator("#card")
    expect(card).to_be_visible()
    title = card.locator(".title").first.text_content()
    ((count,),) = site.rows("SELECT count(*) FROM article_data WHERE title = %s", title)
    assert count > 0
    ((moved, how_many),) = site.rows(
        "SELECT min(return_after_pct), count(*) FROM news_impact JOIN article_data ON id = article_id"
        " WHERE title = %s AND horizon_seconds = 60",
        title,
    )
    assert how_many
    assert moved is not None
    expect(card).to_contain_text("after 1 min")
    expect(card).to_contain_text("after 15 mins")
    page.mouse.move(5, 5)
    expect(card).to_be_hidden()

    page.locator(".marker[tabindex='0']").focus()
    expect(card).to_be_visible()
    first = card.text_content()
    page.keyboard.press("ArrowLeft")
    assert card.text_content() != first
    expect(page.locator(".marker:focus")).to_have_attribute("aria-describedby", "card")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_ranking(page: Page, site: Site) -> None:
    stored = site.rows("SELECT place, symbol, price_usd, change_24h FROM ranking_24h ORDER BY place")
    shown = [(row[0], row[1].split()[0], row[3].split(" ", 1)[1]) for row in cells(page, "#ranking table >> nth=0 >>")]
    assert shown == [(str(place), symbol, change(moved)) for place, symbol, _, moved in stored[:5]]
    page.locator("#places input[value=all]").check(force=True)
    assert [row[0] for row in cells(page, "#ranking")] == [str(row[0]) for row in stored]


def test_mood_and_fear(page: Page, site: Site) -> None:
    ((score, label),) = site.rows(
        "SELECT sentiment_score, sentiment_label FROM sentiment_data"
        " WHERE crypto_symbol = 'BTC' ORDER BY window_start DESC LIMIT 1"
    )
    assert page.locator("#mood .value").first.text_content() == f"{score:.2f}".rstrip("0")
    expect(page.locator("#mood .mood-label").first).to_contain_text(label)
    stored = site.rows("SELECT value, classification FROM market_sentiment_data ORDER BY event_time DESC LIMIT 90")
    expect(page.locator("#fear .value").first).to_have_text(str(stored[0][0]))
    as_table(page, "#fear")
    assert [tuple(row[1:]) for row in cells(page, "#fear")] == [(str(value), name) for value, name in stored]


def test_volume(page: Page, site: Site) -> None:
    stored = site.rows(
        "SELECT volume, trade_count FROM volume_daily WHERE (pair, source) = (%s, %s) ORDER BY day_start DESC LIMIT 45",
        *MARKET,
    )
    assert page.locator("#volume rect.bar").count() == len(stored)
    as_table(page, "#volume")
    assert [row[3] for row in cells(page, "#volume")] == [f"{trades:,}" for _, trades in stored]
    heights = page.locator("#volume rect.bar").evaluate_all(
        "bars => bars.map(bar => Number(bar.getAttribute('height')))"
    )
    unit = max(heights) / max(volume for volume, _ in stored)
    assert [round(volume * unit) for volume, _ in reversed(stored)] == pytest.approx(heights, abs=1)


def test_predictions_with_their_honest_score(page: Page, site: Site) -> None:
    stored = site.rows(
        "SELECT model_name, mean_absolute_error, relative_error, coverage, prediction_count FROM prediction_score"
        " WHERE (pair, source) = (%s, %s) AND score_window = '1h' ORDER BY mean_absolute_error",
        *MARKET,
    )
    table = page.locator("#predictions table").first.locator("tbody tr")
    rows: list[list[str]] = table.evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent.trim()))"
    )
    assert [row[0].lower().replace(" ", "_") for row in rows] == [row[0] for row in stored]
    for row, (model, error, relative, coverage, count) in zip(rows, stored, strict=True):
        assert float(row[1]) == float(f"{error:.4g}")
        assert row[2] == ("1" if model == "last_price" else f"{'✓' if relative < 1 else '✗'} {relative:g}")
        assert row[3] == f"{coverage:.0%}"
        assert row[5] == f"{count:,}"
    ((predicted, low, high),) = site.rows(
        "SELECT predicted_price, confidence_interval_low, confidence_interval_high FROM prediction_data"
        " WHERE (pair, source, model_name) = (%s, %s, 'least_squares') ORDER BY window_end DESC LIMIT 1",
        *MARKET,
    )
    expect(page.locator("#predictions .figure").first).to_contain_text(
        f"{money(predicted)}{money(low)} to {money(high)}"
    )
    expect(page.locator("#predictions path.band")).to_have_count(1)


def test_feeds(site: Site, visit: Visitors) -> None:
    """What came of late is counted; who has been silent for some minutes is stale."""
    names = (
        ("trades", "binance"), ("trades", "okx"), ("trades", "gemini"), ("tickers", "kraken"), ("prices", "coingecko")
    )  # fmt: skip
    for topic, source in names:
        site.database.run(
            "INSERT INTO data_quality"
            " (topic, source, minute_start, seen, valid, rejected, duplicate, late, gap, delay_p50, delay_p99)"
            " SELECT %s, %s, date_trunc('minute', now()), 1, 1, 0, 0, 0, 0, 1234, 65000 ON CONFLICT DO NOTHING",
            topic,
            source,
            role="writer",
        )
    newest = site.rows("SELECT max(minute_start) FROM data_quality WHERE source = 'coingecko'")[0][0]
    wait_for(  # such sums are given again for some seconds
        lambda: any(
            datetime.fromisoformat(feed["last_minute"].replace("Z", "+00:00")) >= newest
            for feed in site.ask("quality/?periode=1h")["data"]
            if feed["source"] == "coingecko"
        ),
        "the newest minute",
        20,
    )
    page = opened(site, visit)
    feeds = {row[0]: row for row in cells(page, "#feeds table >> nth=0 >>")}
    stored: list[tuple[Any, ...]] = site.rows(
        "SELECT source || ' ' || topic, sum(gap) FROM data_quality"
        " WHERE minute_start >= now() - interval '1 hour' GROUP BY 1"
    )
    assert set(feeds) == {row[0] for row in stored}
    assert {name: row[6] for name, row in feeds.items()} == {row[0]: f"{row[1]}" for row in stored}
    assert feeds["gemini trades"][7] == "1.2s / 1.1m"
    assert feeds["bitstamp tickers"][1] == "stale"
    assert feeds["okx trades"][1] == "gaps"
    expect(page.locator("#feeds-state")).to_contain_text("1 stale, 1 gap")
    as_table(page, "#feeds")
    expect(page.locator("#feeds details")).to_contain_text("8991201 to 8991203")


def test_macro(page: Page, site: Site) -> None:
    for indicator in ("DFF", "UNRATE"):
        page.locator("#indicator").select_option(indicator)
        stored = site.rows("SELECT value FROM macro_data WHERE indicator = %s ORDER BY event_time DESC", indicator)
        assert page.locator("#macro .value").first.text_content() == f"{stored[0][0]:g}"
        as_table(page, "#macro")
        assert [float(row[1]) for row in cells(page, "#macro")] == [float(value) for (value,) in stored]


def test_what_feeds_say_is_text(page: Page, site: Site) -> None:
    """A headline and an alert with script in them do no harm; an address that is none is no link."""
    row = page.locator("#news .row").filter(has_text="<script>")
    expect(row.first.locator(".headline")).to_have_text(SCRIPT)
    assert row.first.locator("a").count() == 0
    expect(page.locator("#alerts .detail").filter(has_text="<script>").first).to_have_text(SCRIPT)
    page.locator("input[name=candles][value='1h']").check(force=True)
    markers = page.locator(".marker")
    wait_for(lambda: markers.count() > 10, "the markers", 10)
    for number in range(markers.count()):
        markers.nth(number).focus()
    assert page.evaluate("window.harmed") is None
    assert page.locator("main script, main img, main iframe").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
