"""Kafka with TLS and passwords: a broker with an authority of its own, and every client through the same settings."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from connectors import artefacts
from connectors.java import java_home
from flink_jobs import progress, runner
from producers.sink import KafkaSink
from stack import config, local, topics
from tests.stack.conftest import run
from tests.world import World, wait_for
from tidemark import kafka_clients
from tidemark.errors import UserError
from tidemark.settings import load

pytestmark = pytest.mark.stack

PASSWORD = 'it\'s a "quoted" back\\slash; -- ${NOT_A_VARIABLE}'
_MODULES = "org.apache.kafka.common.security"


@dataclass(frozen=True)
class Broker:
    """Where the broker is with TLS and without, the certificate of its authority, and that of another."""

    secure: str
    plain: str
    ca_file: Path
    other_ca_file: Path

    def settings(self, mechanism: str = "PLAIN", **changes: Any) -> dict[str, Any]:
        """Return the settings of the group ``kafka`` that the broker accepts, but for ``changes``."""
        return {
            "bootstrap": self.secure,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": mechanism,
            "username": "tide",
            "password": PASSWORD,
            "ca_file": str(self.ca_file),
            **changes,
        }


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start a broker that wants TLS and a password on one port, and nothing on another."""
    artefacts.fetch()
    folder = tmp_path_factory.mktemp("kafka")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other-ca.pem")
    secure, plain, controller = _free_ports(3)
    found = Broker(f"127.0.0.1:{secure}", f"127.0.0.1:{plain}", folder / "ca.pem", folder / "other-ca.pem")
    properties = _properties(folder, authority.issue_cert("127.0.0.1"), secure, plain, controller)
    file = folder / "server.properties"
    file.write_text("".join(f"{name}={_escaped(value)}\n" for name, value in properties.items()))
    java = [str(java_home() / "bin" / "java"), *config.KAFKA_JVM, "-cp", str(artefacts.JARS / "kafka" / "*")]
    user = f"[name=tide,password={PASSWORD}]"
    scram = [word for size in (256, 512) for word in ("--add-scram", f"SCRAM-SHA-{size}={user}")]
    made = ["kafka.tools.StorageTool", "format", "--cluster-id=AAAAAAAAAAAAAAAAAAAAAA", "--config", str(file), *scram]
    subprocess.run([*java, *made], cwd=folder, capture_output=True, check=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*java, "kafka.Kafka", str(file)], cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(lambda: process.poll() is not None or _answers(found), "the broker", 60)
        assert process.poll() is None, (folder / "log").read_text()[-3000:]
        yield found
    finally:
        process.kill()
        process.wait()


def _properties(
    folder: Path, certificate: trustme.LeafCert, secure: int, plain: int, controller: int
) -> dict[str, str]:
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    pkcs8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    (folder / "broker.pem").write_bytes(key.private_bytes(*pkcs8) + chain)
    quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    listeners = f"SASL_SSL://127.0.0.1:{secure},PLAINTEXT://127.0.0.1:{plain}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(folder / "data"),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.pem"),
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'{_MODULES}.plain.PlainLoginModule required user_tide="{quoted}";'
        ),
        **{
            f"listener.name.sasl_ssl.scram-sha-{size}.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;"
            for size in (256, 512)
        },
    }


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _answers(broker: Broker) -> bool:
    try:
        kafka_clients.admin(load(kafka=broker.settings()), timeout_ms=2_000).close()
    except UserError:
        return False
    return True


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_producer_and_administration_are_let_in(broker: Broker, mechanism: str) -> None:
    names = {key: f"{mechanism}.{key}" for key in load().topics.model_dump()}
    settings = load(kafka=broker.settings(mechanism), topics=names)
    topics.create(settings)
    sink = KafkaSink(settings)
    sink.send_bytes("articles", "key", b"value")
    sink.close()

    assert topics.count(settings)[f"{mechanism}.articles"] == 1
    assert list(topics.read(settings, f"{mechanism}.articles")) == [b"value"]
    assert progress.lag(settings, ["enrich"]) == {"enrich": 1}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_job_reads_and_writes_topics_and_the_sql_client_reads_them(
    broker: Broker, case: Callable[..., World], mechanism: str
) -> None:
    world = case(kafka=broker.settings(mechanism))
    world.put("trades", [_trade(number) for number in range(100)] + [b"rubbish"])
    world.run("ingest")

    assert len(world.rows("trade_data")) == 100
    assert [letter["error"] for letter in world.topic("dead_letters")] == ["not_json"]
    given = {f"KAFKA__{name.upper()}": value for name, value in broker.settings(mechanism).items()}
    done = run(world, "sql", "-e", "SELECT COUNT(*) AS n FROM trades", **given)
    assert done.returncode == 0, done.stderr
    assert "100" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr


def _trade(number: int) -> dict[str, Any]:
    return {
        "source": "test",
        "symbol": "BTC",
        "pair": "BTC/USDT",
        "trade_id": str(number),
        "price": 30_000.0,
        "quantity": 0.5,
        "side": "buy",
        "event_time": 1_700_000_000_000 + number,
        "ingest_time": 1_700_000_000_005 + number,
    }


@pytest.mark.parametrize(
    ("changes", "sentence", "setting"),
    [
        (
            {"password": "wrong-secret"},
            "Kafka at {secure} refuses the user tide with PLAIN: wrong name or password.",
            "kafka.password",
        ),
        (
            {"sasl_mechanism": "SCRAM-SHA-512", "password": "wrong-secret"},
            "Kafka at {secure} refuses the user tide with SCRAM-SHA-512: wrong name or password.",
            "kafka.password",
        ),
        (
            {"ca_file": "{other_ca_file}"},
            "The certificate of Kafka at {secure} is signed by no authority in {other_ca_file} "
            "(unable to get local issuer certificate).",
            "kafka.ca_file",
        ),
        (
            {"bootstrap": "localhost:{port}"},
            "The certificate of Kafka at localhost:{port} is for another host.",
            "kafka.bootstrap",
        ),
        (
            {"bootstrap": "{plain}"},
            "Kafka at {plain} does not speak TLS, and kafka.security_protocol is SASL_SSL.",
            "kafka.security_protocol",
        ),
        (
            dict.fromkeys(("sasl_mechanism", "username", "password", "ca_file")) | {"security_protocol": "PLAINTEXT"},
            "Kafka at {secure} speaks TLS, and kafka.security_protocol is PLAINTEXT.",
            "kafka.security_protocol",
        ),
    ],
    ids=["password", "scram-password", "authority", "host", "plaintext-port", "plaintext-client"],
)
def test_what_is_wrong_is_said_in_one_sentence(
    broker: Broker,
    changes: dict[str, Any],
    sentence: str,
    setting: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    places = {**asdict(broker), "port": broker.secure.rpartition(":")[2]}
    given = {name: value and value.format(**places) for name, value in changes.items()}
    settings = load(kafka=broker.settings(**given))

    with pytest.raises(UserError) as caught:
        KafkaSink(settings, connect_timeout=5)

    assert str(caught.value) == sentence.format(**places)
    assert setting in caught.value.hint
    shown = f"{caplog.text}{capfd.readouterr()}{settings!r}{kafka_clients.client_options(settings)!r}"
    assert [secret for secret in (PASSWORD, "wrong-secret") if secret in shown] == []


def test_a_job_is_not_submitted_and_health_says_why(broker: Broker) -> None:
    settings = load(kafka=broker.settings(password="wrong-secret"))
    with pytest.raises(UserError, match="refuses the user tide") as caught:
        runner.submit(settings, "ingest", {})

    health = {finding.name: finding for finding in local.health(settings)}["kafka"]
    assert (health.state, health.advice) == ("down", f"{caught.value} {caught.value.hint}")
