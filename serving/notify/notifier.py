"""Follows the topic of alerts, and has each sent that a rule is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from threading import Event
from typing import Any

import orjson
import structlog

from producers import contract
from producers.contract import ContractError
from serving.notify import rules
from serving.notify.channels import Channel
from serving.notify.rules import Alert
from serving.notify.sender import Sender
from serving.notify.store import Stopped, Store
from tidemark import kafka_clients
from tidemark.settings import Settings

log = structlog.get_logger(__name__)

GROUP = "tidemark-notify"
_POLL_MS = 500
_ENDS = 30.0  # seconds that a message that is being sent has to end in


def _now() -> datetime:
    return datetime.now(timezone.utc)


def run(settings: Settings, channels: Iterable[Channel], stop: Event, now: Callable[[], datetime] = _now) -> None:
    """Notify until ``stop`` is set. Raises UserError where PostgreSQL or Kafka is away at first."""
    store = Store(settings, stop)
    try:
        if interrupted := store.interrupted():
            log.warning("it is not known whether these were sent, so they are not sent again", alerts=interrupted)
        store.forget(settings.storage.retention)
        senders = [Sender(channel, store, settings.notify, now, stop) for channel in channels]
        consumer = kafka_clients.consumer(
            settings,
            group_id=GROUP,
            isolation_level="read_committed",
            auto_offset_reset="latest",  # who has just begun is not told of last week
            session_timeout_ms=10_000,  # so soon another process takes over from one that was killed
        )
        try:
            for sender in senders:
                sender.start()
            consumer.subscribe([settings.topics.alerts])
            _follow(settings, consumer, store, senders, stop)
        except Stopped:
            pass
        finally:
            stop.set()
            for sender in senders:
                sender.wanted.set()
            for sender in senders:
                if sender.is_alive():
                    sender.join(_ENDS)
            consumer.close()
    finally:
        store.close()


def _follow(settings: Settings, consumer: Any, store: Store, senders: list[Sender], stop: Event) -> None:
    placed: set[Any] = set()
    while not stop.is_set():
        found = consumer.poll(timeout_ms=_POLL_MS)
        if consumer.assignment() - placed:
            # A partition whose beginning was never noted would begin at its end again after a restart.
            placed = {partition for partition in consumer.assignment() if consumer.position(partition) is not None}
            _commit(consumer)
            log.info("alerts are followed", partitions=len(placed))
        alerts = [alert for records in found.values() for record in records if (alert := _alert(settings, record))]
        wanted = [
            (rule.name, channel, alert, rule.urgent)
            for alert in alerts
            for rule in settings.notify.rules
            if rules.matches(rule, alert)
            for channel in rules.channels(rule, settings.notify)
        ]
        if wanted:
            store.note(wanted)
            for sender in senders:
                sender.wanted.set()
        if found:
            _commit(consumer)


def _commit(consumer: Any) -> None:
    """Note how far we are. Where that fails what follows is read again, and is not sent again."""
    from kafka.errors import KafkaError

    try:
        consumer.commit()
    except KafkaError as error:
        log.warning("the position could not be noted in Kafka", error=type(error).__name__)


def _alert(settings: Settings, record: Any) -> Alert | None:
    try:
        alert: Alert = orjson.loads(record.value or b"")
        contract.check("alerts", alert, settings.limits.max_future)
    except (orjson.JSONDecodeError, ContractError) as error:
        log.warning("an alert breaks its contract", offset=record.offset, error=type(error).__name__)
        return None
    return alert
