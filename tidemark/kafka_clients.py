"""Clients of Kafka (kafka-python), all from the same settings; why a broker refuses them, in one sentence."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

from tidemark.endpoints import kafka_bootstrap
from tidemark.errors import UserError
from tidemark.settings import Settings

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

_PROBE_SECONDS = 2.0
# A broker that refuses a password says so and hangs up; kafka-python drops the answer where it reads both at once.
_HUNG_UP = "socket disconnected"
_quiet = RLock()  # the level of kafka-python's log is one for all threads


class _Hidden(str):
    """A password that kafka-python can use, and that no ``repr`` shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the arguments that every client of kafka-python takes: where the broker is, and how to be let in.

    The name in the broker's certificate is always checked.
    """
    kafka = settings.kafka
    options: dict[str, Any] = {
        "bootstrap_servers": kafka_bootstrap(settings).split(","),
        "client_id": "tidemark",
        "security_protocol": kafka.security_protocol,
    }
    if kafka.ca_file:
        options["ssl_cafile"] = str(kafka.ca_file)
    if kafka.password:
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.username
        options["sasl_plain_password"] = _Hidden(kafka.password.get_secret_value())
    return options


def producer(settings: Settings, **options: Any) -> KafkaProducer:
    """Return a connected producer. Raises UserError where there is no broker, or it refuses us."""
    from kafka import KafkaProducer

    with _connecting(settings):
        return KafkaProducer(**client_options(settings), **options)


def consumer(settings: Settings, **options: Any) -> KafkaConsumer:
    """Return a connected consumer that commits nothing. Raises UserError as `producer` does."""
    from kafka import KafkaConsumer

    with _connecting(settings):
        return KafkaConsumer(**client_options(settings), enable_auto_commit=False, **options)


def admin(settings: Settings, *, timeout_ms: int = 10_000) -> KafkaAdminClient:
    """Return an admin client; use it with ``with``. Raises UserError as `producer` does."""
    from kafka import KafkaAdminClient

    with _connecting(settings):
        return KafkaAdminClient(
            **client_options(settings), bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
        )


def ends(client: KafkaAdminClient, topics: Iterable[str], *, committed: bool) -> tuple[dict[Any, int], dict[Any, int]]:
    """Return the first offset of each partition of ``topics``, and the one after its last message.

    ``committed`` ends before the first transaction that is still open.
    """
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec

    partitions = [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in client.describe_topics(list(topics))
        for partition in topic["partitions"]
    ]
    isolation = "READ_COMMITTED" if committed else "READ_UNCOMMITTED"
    first = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
    last = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST), isolation_level=isolation)
    return {p: first[p].offset for p in partitions}, {p: last[p].offset for p in partitions}


def check(settings: Settings) -> None:
    """Raise UserError where the broker refuses us. One that cannot be reached from here may be so from the cluster."""
    if _reachable(settings):
        admin(settings).close()


@contextmanager
def _connecting(settings: Settings) -> Iterator[None]:
    """Keep kafka-python quiet while it connects, and say what was wrong in one sentence instead.

    It only raises that it could not connect in time; why is in its log, with the exceptions as arguments.
    """
    from kafka.errors import KafkaError

    causes = _Causes()
    chatter = logging.getLogger("kafka")
    with _quiet:
        level, propagate = chatter.level, chatter.propagate
        chatter.setLevel(logging.WARNING)
        chatter.propagate = False
        chatter.addHandler(causes)
        try:
            yield
        except (KafkaError, OSError) as error:
            raise _explained(settings, [*causes.found, error]) from error
        finally:
            chatter.removeHandler(causes)
            chatter.setLevel(level)
            chatter.propagate = propagate


class _Causes(logging.Handler):
    """Collects the exceptions that are logged."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple):
            self.found += [argument for argument in record.args if isinstance(argument, BaseException)]


def _explained(settings: Settings, causes: list[BaseException]) -> UserError:
    from kafka.errors import SaslAuthenticationFailedError, UnsupportedSaslMechanismError

    kafka = settings.kafka
    broker = f"Kafka at {kafka_bootstrap(settings)}"
    causes += [cause.__context__ for cause in causes if cause.__context__]  # kafka-python hides TLS errors there
    for cause in causes:
        if isinstance(cause, SaslAuthenticationFailedError):
            return _wrong_password(settings)
        if isinstance(cause, UnsupportedSaslMechanismError):
            return UserError(
                f"{broker} does not offer {kafka.sasl_mechanism}.",
                "Set kafka.sasl_mechanism to one that the broker offers.",
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            if "mismatch" in cause.verify_message:
                return UserError(
                    f"The certificate of {broker} is for another host.",
                    "Set kafka.bootstrap to the name that is in the certificate.",
                )
            known = f"by no authority in {kafka.ca_file}" if kafka.ca_file else "by no authority that this system knows"
            return UserError(
                f"The certificate of {broker} is signed {known} ({cause.verify_message}).",
                "Set kafka.ca_file to the PEM file of the authority that signed it.",
            )
    if kafka.password and any(_HUNG_UP in str(cause) for cause in causes):
        return _wrong_password(settings)
    if _reachable(settings) and kafka.security_protocol == "PLAINTEXT":
        if _speaks_tls(settings):
            return UserError(
                f"{broker} speaks TLS, and kafka.security_protocol is PLAINTEXT.",
                "Set kafka.security_protocol to SASL_SSL (with a user and a password) or SSL.",
            )
    elif _reachable(settings) and not _speaks_tls(settings):
        return UserError(
            f"{broker} does not speak TLS, and kafka.security_protocol is {kafka.security_protocol}.",
            "Set kafka.bootstrap to the broker's port for TLS, or kafka.security_protocol to PLAINTEXT.",
        )
    advice = "See to that broker, or to kafka.bootstrap and kafka.security_protocol."
    return UserError(
        f"Kafka does not answer at {kafka_bootstrap(settings)}.",
        advice if kafka.bootstrap else "Start the local stack with `tidemark up`.",
    )


def _wrong_password(settings: Settings) -> UserError:
    kafka = settings.kafka
    return UserError(
        f"Kafka at {kafka_bootstrap(settings)} refuses the user {kafka.username} with {kafka.sasl_mechanism}: "
        "wrong name or password.",
        "Set kafka.username, kafka.password and kafka.sasl_mechanism to those that the broker knows.",
    )


def _address(settings: Settings) -> tuple[str, int]:
    host, _, port = kafka_bootstrap(settings).split(",")[0].rpartition(":")
    return host.strip("[]"), int(port)


def _reachable(settings: Settings) -> bool:
    try:
        with socket.create_connection(_address(settings), timeout=_PROBE_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _speaks_tls(settings: Settings) -> bool:
    try:
        ssl.get_server_certificate(_address(settings), timeout=_PROBE_SECONDS)
    except OSError:
        return False
    return True
