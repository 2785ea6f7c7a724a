"""Ranges, resolutions and cursors of the API, on values nobody thought of."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving import pages
from serving.problems import Problem
from serving.routes.markets import TICKERS, candles_of
from serving.routes.news import sentiment_of
from serving.routes.prices import RESOLUTIONS
from serving.times import MOST_POINTS, Range, Resolution, ceil_to_second, choose, fit, floor
from tidemark.settings import load

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()
MOMENTS = st.builds(lambda us: EPOCH + timedelta(microseconds=us), st.integers(-(10**15), int(SECONDS * 10**6)))
STEPS = st.sampled_from([timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)])
SERIES = [TICKERS, RESOLUTIONS, candles_of(load()), sentiment_of(load())]
KEYS = st.one_of(
    st.tuples(MOMENTS, st.text(st.characters(codec="utf-8", exclude_characters="\0"))),
    st.tuples(MOMENTS, st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.integers(-(2**31), 2**31)),
)


@settings(max_examples=60, deadline=None)
@given(MOMENTS, MOMENTS, st.sampled_from(SERIES))
def test_whatever_the_range_its_resolution_fits_or_is_the_coarsest(
    a: datetime, b: datetime, known: list[Resolution]
) -> None:
    if a == b:
        return
    range_ = Range(*sorted((a, b)))
    found = fit(range_, known, None)
    assert found.points(range_) <= MOST_POINTS or found is known[-1]
    finer = known[: known.index(found)]
    assert all(one.points(range_) > MOST_POINTS for one in finer)
    # And the next page, which names it, is not refused.
    assert fit(range_, known, found.name) is found


@pytest.mark.parametrize("known", SERIES)
def test_up_to_a_month_no_series_has_more_points_than_an_answer(known: list[Resolution]) -> None:
    end = datetime(2026, 3, 15, tzinfo=timezone.utc)
    for days in range(1, 31):
        range_ = Range(end - timedelta(days=days), end)
        assert fit(range_, known, None).points(range_) <= MOST_POINTS


@settings(max_examples=60, deadline=None)
@given(MOMENTS, STEPS)
def test_a_range_is_widened_to_whole_steps_once(moment: datetime, step: timedelta) -> None:
    range_ = Range(moment, moment + timedelta(minutes=7))
    whole = range_.widened(step)
    assert whole.start <= range_.start < range_.end <= whole.end
    assert range_.start - whole.start < step
    assert whole.end - range_.end < step
    assert whole.widened(step) == whole
    assert whole.length % step == timedelta(0)
    assert floor(whole.start, step) == whole.start


@settings(max_examples=60, deadline=None)
@given(MOMENTS)
def test_now_is_always_in_the_range_until_now(now: datetime) -> None:
    end = ceil_to_second(now)
    assert now < end <= now + timedelta(seconds=1)
    assert choose(now, "1h", None, None) == Range(end - timedelta(hours=1), end)


@settings(max_examples=100, deadline=None)
@given(KEYS)
def test_a_cursor_gives_back_the_key_that_it_was_made_of(key: tuple[Any, ...]) -> None:
    text = pages.encode(key)
    assert text.isascii()
    assert not set(text) & set("+/=&?# ")
    assert tuple(pages.decode(text, [type(value) for value in key])) == key


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80), st.sampled_from([[datetime, str], [int], [datetime]]))
def test_what_is_no_cursor_is_refused_whatever_it_is(text: str, types: list[type]) -> None:
    with suppress(Problem):
        assert [type(value) for value in pages.decode(text, types)] == types
