from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from connectors import options
from tidemark import endpoints
from tidemark.endpoints import PostgresLogin
from tidemark.errors import UserError
from tidemark.settings import Settings, load

LOGIN = PostgresLogin("db.example", 5433, "tide", "tidemark_writer", "it's \\ secret&x=1")


def settings(tmp_path: Path, **groups: Any) -> Settings:
    return load(data_dir=tmp_path, kafka={"bootstrap": "one:9092,two:9092"}, **groups)


@pytest.mark.parametrize(("bounded", "mode"), [(True, "latest-offset"), (False, "unbounded")])
def test_sources_read_from_the_beginning_to_the_end_that_was_asked_for(
    tmp_path: Path, bounded: bool, mode: str
) -> None:
    given = settings(tmp_path)
    for found in (
        options.kafka_json_source(given, "group", bounded, timedelta(seconds=3)),
        options.kafka_text_source(given, "group", bounded),
        options.kafka_json_table(given, "group", bounded),
    ):
        assert found["connector"] == "kafka"
        assert found["properties.bootstrap.servers"] == "one:9092,two:9092"
        assert found["properties.group.id"] == "group"
        assert found["scan.startup.mode"] == "earliest-offset"
        assert found["scan.bounded.mode"] == mode


def test_json_sources_lose_no_field_silently_and_wait_for_no_silent_partition(tmp_path: Path) -> None:
    found = options.kafka_json_source(
        settings(tmp_path, watermarks={"emit": "on-event"}), "group", False, timedelta(milliseconds=1500)
    )
    assert found["format"] == "json"
    assert found["json.ignore-parse-errors"] == "true"
    assert found["json.decode.json-parser.enabled"] == "false"
    assert found["scan.watermark.idle-timeout"] == "1500ms"
    assert found["scan.watermark.emit.strategy"] == "on-event"


def test_the_text_source_has_a_character_for_every_byte(tmp_path: Path) -> None:
    found = options.kafka_text_source(settings(tmp_path), "group", False)
    assert (found["format"], found["raw.charset"]) == ("raw", "ISO-8859-1")


def test_written_topics_are_exactly_once(tmp_path: Path) -> None:
    found = options.kafka_json_table(settings(tmp_path), "group", False)
    assert found["sink.delivery-guarantee"] == "exactly-once"
    assert found["properties.isolation.level"] == "read_committed"
    assert 60_000 < int(found["properties.transaction.timeout.ms"]) <= 900_000  # the broker's bound by default


def test_postgres_is_written_in_batches_and_the_password_is_in_no_address(tmp_path: Path) -> None:
    given = settings(tmp_path, postgres={"flush_rows": 7, "flush_interval": "250ms"})
    found = options.postgres(given, LOGIN, "tidemark-ingest")
    assert found["url"] == (
        "jdbc:postgresql://db.example:5433/tide"
        "?sslmode=prefer&reWriteBatchedInserts=true&ApplicationName=tidemark-ingest"
    )
    assert (found["username"], found["password"]) == ("tidemark_writer", LOGIN.password)
    assert (found["sink.buffer-flush.max-rows"], found["sink.buffer-flush.interval"]) == ("7", "250ms")
    assert LOGIN.password not in repr(LOGIN)


def test_the_lakes_catalog_is_in_a_schema_of_the_same_database_by_the_same_tls(tmp_path: Path) -> None:
    found = options.lake(settings(tmp_path), LOGIN)
    address, _, parameters = found["uri"].partition("?")
    assert address == "jdbc:postgresql://db.example:5433/tide"
    assert parse_qs(parameters) == {
        "sslmode": ["prefer"],
        "currentSchema": ["lake"],
        "ApplicationName": ["tidemark-lake"],
    }
    assert LOGIN.password not in found["uri"]
    assert found["warehouse"] == (tmp_path / "lake").as_uri()


def test_postgres_with_tls_says_the_same_to_both_drivers(tmp_path: Path) -> None:
    ca_file = tmp_path / "a ca&b.pem"
    ca_file.write_text("-----BEGIN CERTIFICATE-----\n")
    elsewhere = {"host": "db.example", "writer_password": "secret"}

    def login(**more: Any) -> PostgresLogin:
        return endpoints.postgres(settings(tmp_path, postgres={**elsewhere, **more}), "writer")

    required = login(sslmode="require")
    assert required.tls == {"sslmode": "require"}
    assert required.jdbc_url == "jdbc:postgresql://db.example:5432/tidemark?sslmode=require"
    own = login(sslmode="verify-full", ca_file=ca_file)
    assert own.tls == {"sslmode": "verify-full", "sslrootcert": str(ca_file)}
    assert parse_qs(own.jdbc_url.partition("?")[2]) == {"sslmode": ["verify-full"], "sslrootcert": [str(ca_file)]}
    known = login(sslmode="verify-full")
    assert "-----BEGIN CERTIFICATE-----" in Path(known.tls["sslrootcert"]).read_text()
    assert known.jdbc_url.endswith("?sslmode=verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory")


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ({"sslmode": "require"}, "needs host"),
        ({"host": "db", "sslmode": "verify-ca"}, "sslmode"),
        ({"host": "db", "ca_file": "/nowhere.pem", "sslmode": "verify-full"}, "cannot be read"),
    ],
)
def test_tls_of_postgres_that_cannot_be_is_refused(tmp_path: Path, group: dict[str, str], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        settings(tmp_path, postgres=group)


def test_kafka_with_tls_and_a_password_takes_the_shaded_login_module_and_the_certificates(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    certificate = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----"
    ca_file.write_text(f"subject=ours\n{certificate}\n{certificate}\n")
    given = load(
        kafka={
            "bootstrap": "one:9093",
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "username": "tide",
            "password": 'a"b\\c',
            "ca_file": ca_file,
        }
    )
    found = options.kafka_json_table(given, "group", False)

    assert {name: value for name, value in found.items() if re.search(r"\.(security|sasl|ssl)\.", name)} == {
        "properties.security.protocol": "SASL_SSL",
        "properties.sasl.mechanism": "SCRAM-SHA-512",
        "properties.sasl.jaas.config": (
            "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule required "
            'username="tide" password="a\\"b\\\\c";'
        ),
        "properties.ssl.truststore.type": "PEM",
        "properties.ssl.truststore.certificates": f"{certificate}\n{certificate}",
    }


def test_without_security_no_option_of_it_is_given(tmp_path: Path) -> None:
    found = options.kafka_text_source(settings(tmp_path), "group", False)
    assert [name for name in found if "sasl" in name or "ssl" in name or "security" in name] == []
