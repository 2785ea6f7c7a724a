"""Options of the Flink connectors: how jobs reach Kafka and PostgreSQL. The SQL names them by one variable each."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from tidemark.durations import format_duration
from tidemark.endpoints import PostgresLogin, kafka_bootstrap
from tidemark.settings import Settings

# Longer than the longest checkpoint and a restart together, or Kafka would abort what Flink is about to commit;
# at most the broker's transaction.max.timeout.ms (15 min by default).
_TRANSACTION_TIMEOUT_MS = 600_000
# Kafka's classes as they are named inside the jar of Flink's connector.
_LOGIN_MODULES = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def kafka_json_source(settings: Settings, group: str, bounded: bool, idle: timedelta) -> dict[str, str]:
    """Return the options of a table over JSON messages, whose partitions count as silent after ``idle``.

    What is not a JSON object yields no row here, and a field of the wrong type is null: ``sql/flink/views`` sees to
    it that each of these ends among the dead letters.
    """
    return {
        **_kafka(settings, group, bounded),
        "format": "json",
        "json.ignore-parse-errors": "true",
        # The faster parser gives up on the whole message at a wrong array, and takes one that was cut off.
        "json.decode.json-parser.enabled": "false",
        "scan.watermark.idle-timeout": format_duration(idle),
        "scan.watermark.emit.strategy": settings.watermarks.emit,
    }


def kafka_text_source(settings: Settings, group: str, bounded: bool) -> dict[str, str]:
    """Return the options of a table with the whole message as one text, a character per byte."""
    return {**_kafka(settings, group, bounded), "format": "raw", "raw.charset": "ISO-8859-1"}


def kafka_json_table(settings: Settings, group: str, bounded: bool) -> dict[str, str]:
    """Return the options of a table that jobs write exactly once, and queries read once it is committed."""
    return {
        **_kafka(settings, group, bounded),
        "properties.isolation.level": "read_committed",
        "format": "json",
        "json.ignore-parse-errors": "true",
        "sink.delivery-guarantee": "exactly-once",
        "properties.transaction.timeout.ms": str(_TRANSACTION_TIMEOUT_MS),
    }


def _kafka(settings: Settings, group: str, bounded: bool) -> dict[str, str]:
    return {
        "connector": "kafka",
        "properties.bootstrap.servers": kafka_bootstrap(settings),
        "properties.group.id": group,
        **_kafka_security(settings),
        # Small turns: the consumer hands over all it has fetched of one partition before it goes to the next, and
        # megabytes of compressed trades make the others look silent meanwhile.
        "properties.max.partition.fetch.bytes": "131072",
        "scan.startup.mode": "earliest-offset",
        "scan.bounded.mode": "latest-offset" if bounded else "unbounded",
    }


def _kafka_security(settings: Settings) -> dict[str, str]:
    kafka = settings.kafka
    if kafka.security_protocol == "PLAINTEXT":
        return {}
    found: dict[str, str] = {"properties.security.protocol": kafka.security_protocol}
    if kafka.ca_file:
        # The certificates themselves, not where they are: the file need not be on the cluster's machines.
        found["properties.ssl.truststore.type"] = "PEM"
        found["properties.ssl.truststore.certificates"] = "\n".join(
            _CERTIFICATE.findall(kafka.ca_file.read_text(encoding="utf-8", errors="replace"))
        )
    if kafka.sasl_mechanism and kafka.username and kafka.password:
        module = "plain.PlainLoginModule" if kafka.sasl_mechanism == "PLAIN" else "scram.ScramLoginModule"
        login = f"username={_jaas(kafka.username)} password={_jaas(kafka.password.get_secret_value())}"
        found["properties.sasl.mechanism"] = kafka.sasl_mechanism
        found["properties.sasl.jaas.config"] = f"{_LOGIN_MODULES}.{module} required {login};"
    return found


def _jaas(value: str) -> str:
    """Quote a value of a JAAS configuration, where a backslash escapes (javax.security.auth.login.Configuration)."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def postgres(settings: Settings, login: PostgresLogin, application: str) -> dict[str, str]:
    """Return the options of a PostgreSQL table: rows are upserted in batches on the table's primary key."""
    return {
        "connector": "jdbc",
        "url": f"{login.jdbc_url}&reWriteBatchedInserts=true&ApplicationName={application}",
        "username": login.user,
        "password": login.password,
        "sink.buffer-flush.max-rows": str(settings.postgres.flush_rows),
        "sink.buffer-flush.interval": format_duration(settings.postgres.flush_interval),
    }


def lake(settings: Settings, login: PostgresLogin) -> dict[str, str]:
    """Return the options of the Iceberg catalog: its tables are noted in PostgreSQL, in the schema ``lake``."""
    return {
        "type": "iceberg",
        "catalog-impl": "org.apache.iceberg.jdbc.JdbcCatalog",
        "uri": f"{login.jdbc_url}&currentSchema=lake&ApplicationName=tidemark-lake",
        "jdbc.user": login.user,
        "jdbc.password": login.password,
        "jdbc.schema-version": "V1",
        "warehouse": warehouse(settings),
    }


def warehouse(settings: Settings) -> str:
    """Return the URI below which the lake's files are."""
    given = settings.lake.warehouse
    if given and re.match(r"[a-z][a-z0-9+.-]+:", given):
        return given.rstrip("/")
    return (Path(given).expanduser().resolve() if given else settings.data_dir / "lake").as_uri()
