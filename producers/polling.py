"""The answers of polled sources: asked for when due, tried again when that fails, left alone while it keeps failing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from threading import Event

import pybreaker
import structlog
import tenacity

from producers.health import Health, now
from producers.message import PollError
from producers.source import PollSource
from tidemark.settings import Producers

log = structlog.get_logger(__name__)

# A source that failed is asked again after so many pauses of the breaker, however long its schedule would wait.
_PAUSES_AFTER_FAILURE = 10


def bodies(
    source: PollSource, stop: Event, limits: Producers, health: Health, *, once: bool = False
) -> Iterator[bytes | None]:
    """Yield the body of every answer of ``source``, None for one that has not changed, when the schedule says so
    (at once where a run was missed), until ``stop`` is set; with ``once`` of one poll, now.

    A failed poll is tried again after about 2, 4, 8 … s, or when the server says. Raises PollError where a poll
    failed for good, with ``once`` only; else that is noted.
    """
    failed = False
    while not stop.is_set():
        if not once:
            due = _due(source, health, limits, failed)
            health.note(next_run=due.isoformat(timespec="seconds"), state="failing" if failed else "waiting")
            if stop.wait(max(0.0, (due - datetime.now(timezone.utc)).total_seconds())):
                return
        health.note(last_run=now())
        try:
            body = _ask(source, stop, limits, health)
        except (PollError, pybreaker.CircuitBreakerError) as error:
            failed = True
            log.error("poll_failed", source=source.name, reason=str(error))  # noqa: TRY400 - no fault of ours
            if once:
                raise PollError(str(error)) from None
        else:
            failed = False
            yield body
            health.note(last_success=now(), state="waiting", failures=0, error="")
            if once:
                return


def _due(source: PollSource, health: Health, limits: Producers, failed: bool) -> datetime:
    present = datetime.now(timezone.utc)
    if failed:
        return min(source.schedule.after(present), present + _PAUSES_AFTER_FAILURE * limits.breaker_pause)
    last = health.state.last_success
    return source.schedule.after(datetime.fromisoformat(last)) if last else present


def _ask(source: PollSource, stop: Event, limits: Producers, health: Health) -> bytes | None:
    growing = tenacity.wait_exponential(multiplier=2) + tenacity.wait_random(0, 1)
    longest = max(limits.breaker_pause, timedelta(hours=1)).total_seconds()

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, PollError) else None
        return growing(state) if asked is None else min(asked, longest)

    def report(state: tenacity.RetryCallState) -> None:
        reason = state.outcome.exception() if state.outcome else None
        log.warning("poll_retry", source=source.name, reason=str(reason), pause_s=round(state.upcoming_sleep, 1))

    def ask() -> bytes | None:
        try:
            body: bytes | None = health.breaker.call(source.request.get)
        except PollError as error:
            health.failed(error)
            raise
        return body

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(PollError),
        stop=tenacity.stop_any(tenacity.stop_after_attempt(1 + limits.retries), tenacity.stop_when_event_set(stop)),
        wait=wait,
        sleep=tenacity.sleep_using_event(stop),
        before_sleep=report,
        reraise=True,
    )
    return retrying(ask)
