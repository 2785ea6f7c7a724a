"""Sends what waits for one channel, in a thread of its own, so that a channel that fails holds up no other."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import limits
import structlog
import tenacity

from serving.notify import rules
from serving.notify.channels import Channel
from serving.notify.store import Stopped, Store, Waiting
from tidemark.settings import Notify

log = structlog.get_logger(__name__)

_LOOK = 2.0  # seconds until what was held back is looked at again
_IDLE = 60.0  # and until it is looked whether there is anything


class Sender(threading.Thread):
    """Takes notifications of a channel out of the store, and sends them: one by one, or as a digest where they are more
    than the rate allows.
    """

    def __init__(
        self, channel: Channel, store: Store, notify: Notify, now: Callable[[], datetime], stop: threading.Event
    ) -> None:
        super().__init__(name=f"sender {channel.name}")
        self.wanted = threading.Event()  # there may be something to send
        self._channel = channel
        self._store = store
        self._notify = notify
        self._now = now
        self._stop_event = stop
        rate = limits.parse(notify.rate)
        self._most, self._period = rate.amount, timedelta(seconds=rate.get_expiry())
        self._again = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda is_over: not is_over),
            wait=tenacity.wait_exponential(multiplier=1, max=60) + tenacity.wait_random(0, 1),
            stop=tenacity.stop_any(
                tenacity.stop_after_delay(notify.give_up.total_seconds()), tenacity.stop_when_event_set(stop)
            ),
            sleep=tenacity.sleep_using_event(stop),
            retry_error_callback=lambda state: False,
        )

    def run(self) -> None:
        """Send until stopped."""
        try:
            while not self._stop_event.is_set():
                self.wanted.clear()
                self.wanted.wait(_LOOK if self.send() else _IDLE)
        except Stopped:
            pass

    def send(self) -> bool:
        """Send what may be sent now; return whether anything had to be held back."""
        all_waiting = self._store.waiting(self._channel.name)
        quiet = rules.is_quiet(self._notify, self._now())
        ready = [one for one in all_waiting if one.is_urgent or not quiet]
        left = self._most - self._store.sent_since(self._channel.name, self._period) if ready else 0
        if left <= 0:
            return bool(all_waiting)
        for group in [[one] for one in ready] if len(ready) <= left else [ready]:
            if self._stop_event.is_set():
                break
            self._deliver(group)
        return len(ready) < len(all_waiting)

    def _deliver(self, wanted: Sequence[Waiting]) -> None:
        message_id = uuid.uuid4().hex
        if self._again(self._try, wanted, message_id):
            return
        if not self._stop_event.is_set():  # else it waits for the next process
            self._store.give_up(message_id)
            log.error("notifications were given up", channel=self._channel.name, alerts=len(wanted))

    def _try(self, wanted: Sequence[Waiting], message_id: str) -> bool:
        """Try once; return whether that was the last time. That it is tried is noted before, and how it ended after: in
        between nobody tries it again.
        """
        ours = self._store.begin(self._channel.name, wanted, message_id)
        if not ours:
            return True
        alerts = list({one.alert_id: one.alert for one in ours}.values())  # two rules may have brought the same
        outcome = self._channel.post(rules.text(alerts, self._notify.zone))
        self._store.finish(message_id, outcome)
        if outcome == "sent":
            log.info("sent", channel=self._channel.name, alerts=len(alerts))
        return outcome != "failed"
