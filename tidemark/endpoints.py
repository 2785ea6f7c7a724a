"""Where the running parts can be reached: what the settings say, else what the local stack chose when it started."""

from __future__ import annotations

import json
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from tidemark.errors import UserError
from tidemark.settings import Settings

Role = Literal["migrator", "writer", "reader", "lake", "api"]


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the local stack's parts."""

    kafka: int = 9092
    kafka_controller: int = 9093
    postgres: int = 5432
    flink: int = 8081
    flink_rpc: int = 6123
    metrics: int = 9249
    api: int = 8000

    @staticmethod
    def file(settings: Settings) -> Path:
        """Return the file that `tidemark up` writes the chosen ports to."""
        return settings.data_dir / "ports.json"

    @classmethod
    def read(cls, settings: Settings) -> Ports | None:
        """Return the ports of the local stack, or None where it was never started."""
        try:
            return cls(**json.loads(cls.file(settings).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, settings: Settings) -> None:
        """Keep the ports for every later command."""
        self.file(settings).write_text(json.dumps(asdict(self), indent=2) + "\n")


@dataclass(frozen=True)
class PostgresLogin:
    """How one role reaches the database. ``password`` never goes into a log or an error."""

    host: str
    port: int
    database: str
    user: str
    password: str
    sslmode: str = "prefer"
    ca_file: Path | None = None

    @property
    def jdbc_url(self) -> str:
        """Return the JDBC address with its parameters of TLS (no credentials in it); more may follow after a ``&``."""
        parameters = {"sslmode": self.sslmode}
        if self.ca_file:
            parameters["sslrootcert"] = str(self.ca_file)
        elif self.sslmode == "verify-full":  # else the driver looks for a file in the home of whoever runs Flink
            parameters["sslfactory"] = "org.postgresql.ssl.DefaultJavaSSLFactory"
        return f"jdbc:postgresql://{self.host}:{self.port}/{self.database}?{urlencode(parameters)}"

    @property
    def tls(self) -> dict[str, str]:
        """Return libpq's parameters of TLS: ``sslmode``, and ``sslrootcert`` where the certificate is checked."""
        if self.sslmode != "verify-full":
            return {"sslmode": self.sslmode}
        # psycopg2's wheel has an OpenSSL of its own, which does not know where this system keeps its authorities.
        authorities = self.ca_file or ssl.get_default_verify_paths().cafile
        return {"sslmode": self.sslmode, "sslrootcert": str(authorities or "system")}

    def __repr__(self) -> str:
        return f"PostgresLogin({self.user}@{self.host}:{self.port}/{self.database})"


def password_file(settings: Settings, role: str) -> Path:
    """Return the file (mode 0600) that holds the local stack's password of ``role``."""
    return settings.data_dir / "secrets" / role


def _local(settings: Settings) -> Ports:
    return Ports.read(settings) or Ports()


def kafka_bootstrap(settings: Settings) -> str:
    """Return ``host:port[,host:port…]`` of the broker."""
    return settings.kafka.bootstrap or f"127.0.0.1:{_local(settings).kafka}"


def in_address(host: str) -> str:
    """Return ``host`` as addresses have it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def api(settings: Settings) -> str:
    """Return the address of the local stack's API, as it is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.api.host, settings.api.host)  # noqa: S104 - not bound
    return f"http://{in_address(host)}:{_local(settings).api}"


def flink_rest(settings: Settings) -> tuple[str, int]:
    """Return host and port of the JobManager's REST API."""
    if settings.flink.rest:
        host, _, port = settings.flink.rest.rpartition(":")
        if not host or not port.isdigit():
            raise UserError(f"flink.rest is {settings.flink.rest!r}; write host:port.")
        return host, int(port)
    return "127.0.0.1", _local(settings).flink


def postgres(settings: Settings, role: Role) -> PostgresLogin:
    """Return how ``role`` logs in. Raises UserError where its password is nowhere to be found."""
    secret = getattr(settings.postgres, f"{role}_password")
    if secret is not None:
        password = secret.get_secret_value()
    elif settings.postgres.host is None and password_file(settings, role).exists():
        password = password_file(settings, role).read_text().strip()
    else:
        raise UserError(
            f"No password for the PostgreSQL role tidemark_{role}.",
            f"Start the local stack with `tidemark up`, or set TIDEMARK_POSTGRES__{role.upper()}_PASSWORD.",
        )
    port = settings.postgres.port if settings.postgres.host else None
    return PostgresLogin(
        host=settings.postgres.host or "127.0.0.1",
        port=port or (_local(settings).postgres if settings.postgres.host is None else 5432),
        database=settings.postgres.database,
        user=f"tidemark_{role}",
        password=password,
        sslmode=settings.postgres.sslmode,
        ca_file=settings.postgres.ca_file,
    )
