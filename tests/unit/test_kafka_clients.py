from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from tidemark import kafka_clients
from tidemark.errors import UserError
from tidemark.settings import load

WHOLE: dict[str, Any] = {
    "bootstrap": "one:9093",
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "username": "tide",
    "password": "top-secret",
}


def test_a_client_gets_what_the_settings_say_and_shows_no_password() -> None:
    settings = load(kafka=WHOLE)
    found = kafka_clients.client_options(settings)

    assert found == {
        "bootstrap_servers": ["one:9093"],
        "client_id": "tidemark",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "tide",
        "sasl_plain_password": "top-secret",
    }
    assert "top-secret" not in f"{found!r}{settings!r}{settings.kafka}"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"username": None}, "security_protocol SASL_SSL also needs username"),
        ({"username": None, "password": None}, "security_protocol SASL_SSL also needs username, password"),
        ({"sasl_mechanism": None}, "security_protocol SASL_SSL also needs sasl_mechanism"),
        ({"security_protocol": "SSL"}, "sasl_mechanism, username, password would go unused"),
        ({"bootstrap": None}, "needs bootstrap"),
        ({"password": "top-secret\n"}, "line break"),
        ({"ca_file": "no-such.pem"}, "no-such.pem cannot be read (No such file or directory)"),
        ({"ca_file": __file__.replace("test_kafka_clients.py", "__init__.py")}, "holds no certificate in PEM form"),
        ({"sasl_mechanism": "GSSAPI"}, "kafka.sasl_mechanism"),
    ],
)
def test_half_a_security_is_an_error_that_shows_no_password(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError) as caught:
        load(kafka=WHOLE | changes)
    assert reason in str(caught.value)
    assert "top-secret" not in str(caught.value)


def test_a_ca_file_for_plaintext_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    with pytest.raises(UserError, match="ca_file would go unused"):
        load(kafka={"bootstrap": "one:9092", "ca_file": tmp_path / "ca.pem"})


def test_kafka_python_keeps_its_log_as_it_was() -> None:
    chatter = logging.getLogger("kafka")
    before = (chatter.level, chatter.propagate, list(chatter.handlers))
    with socket.socket() as bound:  # bound, not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        settings = load(kafka=WHOLE | {"bootstrap": f"127.0.0.1:{bound.getsockname()[1]}"})
        with pytest.raises(UserError, match="Kafka does not answer at "):
            kafka_clients.admin(settings, timeout_ms=200)
        kafka_clients.check(settings)  # may be reachable from the cluster
    assert (chatter.level, chatter.propagate, list(chatter.handlers)) == before
