"""TLS to PostgreSQL, by both drivers: psycopg2, and that of Flink's jobs. The bundled PostgreSQL has none: this takes
Debian's.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import trustme
from py4j.java_gateway import JavaGateway
from py4j.protocol import Py4JJavaError

from connectors.artefacts import JARS
from connectors.java import java_home
from stack import database
from stack.config import PYTHON
from stack.unprivileged import owner
from tests.world import wait_for
from tidemark import endpoints
from tidemark.settings import Settings, load

_BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
pytestmark = pytest.mark.skipif(_BIN is None, reason="Debian's postgresql, which has TLS, is not installed")

Login = Callable[..., Settings]
Connect = Callable[[Settings], str]  # why it does not connect; nothing where it does


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Login]:
    """Run a server that takes nothing but TLS, with a certificate for `localhost`; give settings that reach it."""
    assert _BIN
    folder = tmp_path_factory.mktemp("tls")
    data = folder / "data"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("localhost")
    (folder / "password").write_text("secret")
    data.mkdir(mode=0o700)
    run = [PYTHON, "-m", "stack.unprivileged"]
    user = owner()
    if user is not None:
        os.chown(data, user, user)
    initdb = [str(_BIN / "initdb"), "-D", str(data), "-U", "tidemark_reader", "--pwfile", str(folder / "password")]
    subprocess.run([*run, *initdb, "--auth", "scram-sha-256", "--no-sync"], check=True, capture_output=True)
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    certificate.private_key_pem.write_to_path(str(data / "server.key"))
    certificate.cert_chain_pems[0].write_to_path(str(data / "server.crt"))
    (data / "server.key").chmod(0o600)
    if user is not None:
        for file in ("server.key", "server.crt"):
            os.chown(data / file, user, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ("-c", "ssl=on", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
    with subprocess.Popen(
        [*run, str(_BIN / "postgres"), "-D", str(data), "-p", str(port), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:

        def settings(**more: Any) -> Settings:
            if more.pop("ca", False):
                more["ca_file"] = folder / "ca.pem"
            given = {"host": "localhost", "port": port, "database": "postgres", "reader_password": "secret", **more}
            return load(data_dir=folder, postgres=given)

        def answers() -> bool:
            try:
                database.connect(settings(sslmode="require"), "reader").close()
            except psycopg2.OperationalError:
                return False
            return True

        try:
            wait_for(answers, "PostgreSQL with TLS", 60)
            yield settings
        finally:
            process.send_signal(2)
            process.wait(30)


def by_psycopg2(settings: Settings) -> str:
    try:
        with closing(database.connect(settings, "reader")) as server:
            return "" if server.info.ssl_in_use else "no TLS"
    except psycopg2.OperationalError as error:
        return str(error)


@pytest.fixture(scope="module")
def by_jdbc() -> Iterator[Connect]:
    """Return a function that says why Flink's driver does not connect, with the address that its tables get."""
    (jar,) = JARS.glob("flink-lib/postgresql-*.jar")
    gateway = JavaGateway.launch_gateway(
        classpath=str(jar), java_path=str(java_home() / "bin" / "java"), die_on_exit=True, redirect_stderr=sys.stderr
    )

    def connects(settings: Settings) -> str:
        found = endpoints.postgres(settings, "reader")
        properties = gateway.jvm.java.util.Properties()
        properties.setProperty("user", found.user)
        properties.setProperty("password", found.password)
        try:
            gateway.jvm.org.postgresql.Driver().connect(found.jdbc_url, properties).close()
        except Py4JJavaError as error:
            return str(error)
        return ""

    yield connects
    gateway.shutdown()


@pytest.mark.parametrize(
    "more", [{"sslmode": "prefer"}, {"sslmode": "require"}, {"sslmode": "verify-full", "ca": True}]
)
def test_both_drivers_connect(login: Login, by_jdbc: Connect, more: dict[str, Any]) -> None:
    settings = login(**more)
    assert (by_psycopg2(settings), by_jdbc(settings)) == ("", "")


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ({}, ("certificate verify failed", "PKIX path building failed")),  # signed by nobody that the system knows
        ({"ca": True, "host": "127.0.0.1"}, ("does not match host name", "hostname")),
    ],
)
def test_both_drivers_refuse_a_server_that_is_not_the_one(
    login: Login, by_jdbc: Connect, more: dict[str, Any], reasons: tuple[str, str]
) -> None:
    settings = login(sslmode="verify-full", **more)
    assert reasons[0] in by_psycopg2(settings)
    assert reasons[1] in by_jdbc(settings)


def test_psql_with_tls_is_not_the_bundled_one(login: Login, tmp_path: Path) -> None:
    settings = login(sslmode="require")
    environment = {
        "TIDEMARK_DATA_DIR": str(tmp_path),
        "TIDEMARK_POSTGRES__HOST": "localhost",
        "TIDEMARK_POSTGRES__PORT": str(settings.postgres.port),
        "TIDEMARK_POSTGRES__DATABASE": "postgres",
        "TIDEMARK_POSTGRES__READER_PASSWORD": "secret",
        "TIDEMARK_POSTGRES__SSLMODE": "require",
    }
    if shutil.which("psql") is None:
        pytest.skip("no psql of the system")
    done = subprocess.run(
        [sys.executable, "-m", "stack.cli", "psql", "-Atc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("t\n", 0), done.stderr
