"""The local PostgreSQL: its data folder, its roles and database, and how many rows its tables hold."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 calls its class so
from psycopg2.extensions import encrypt_password

from flink_jobs.sql_files import read_query
from stack import unprivileged
from stack.config import PYTHON, Layout, postgres_bin
from tidemark import endpoints
from tidemark.endpoints import Role
from tidemark.errors import UserError
from tidemark.files import write_private
from tidemark.paths import POSTGRES_SQL
from tidemark.settings import Settings

SUPERUSER = "postgres"


def statement(name: str) -> sql.SQL:
    """Return what ``sql/postgres/<name>.sql`` says: ``{name}`` is for an identifier, ``%(name)s`` for a value."""
    return sql.SQL(read_query(POSTGRES_SQL / f"{name}.sql"))


def fetch(settings: Settings, query: str, **values: Any) -> list[dict[str, Any]]:
    """Run ``sql/postgres/queries/<query>.sql`` as the reader and return its rows by column name."""
    server = connect(settings, "reader")
    try:
        with server, server.cursor() as cursor:
            cursor.execute(statement(f"queries/{query}"), values)
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        server.close()


def connect(settings: Settings, role: Role) -> Connection:
    """Connect as ``role``. Raises psycopg2.OperationalError where nothing answers."""
    login = endpoints.postgres(settings, role)
    tls: dict[str, Any] = {**login.tls}
    server: Connection = psycopg2.connect(
        host=login.host,
        port=login.port,
        dbname=login.database,
        user=login.user,
        password=login.password,
        connect_timeout=5,
        application_name="tidemark",
        **tls,
    )
    return server


def prepare(settings: Settings) -> None:
    """Make the data folder and the passwords where they are missing. PostgreSQL must not be running.

    Raises UserError where initdb fails.
    """
    layout = Layout(settings.data_dir)
    for name in (SUPERUSER, *get_args(Role)):
        _make_secret(endpoints.password_file(settings, name))
    layout.postgres_data.parent.mkdir(parents=True, exist_ok=True)
    if not layout.postgres_data.exists():
        _initdb(settings, layout)
    owner = unprivileged.owner()
    if os.geteuid() == 0:
        _give_to(layout.postgres_data, os.geteuid() if owner is None else owner)


def _make_secret(path: Path) -> None:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24) + "\n")


def _initdb(settings: Settings, layout: Layout) -> None:
    new = layout.postgres_data.with_name("data.new")  # renamed when complete: half a data folder is started afresh
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    owner = unprivileged.owner()
    if owner is not None:
        os.chown(new, owner, owner)
    command = [
        *(PYTHON, "-m", "stack.unprivileged"),
        *(str(postgres_bin() / "initdb"), "-D", str(new), "-U", SUPERUSER),
        *("--pwfile", str(endpoints.password_file(settings, SUPERUSER)), "--auth", "scram-sha-256"),
        *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C", "--builtin-locale", "C.UTF-8"),
        *("--data-checksums", "--no-sync", "--no-instructions"),
    ]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        log = layout.logs / "initdb.log"
        log.write_text(done.stdout + done.stderr)
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise UserError(f"PostgreSQL's data folder could not be made: {''.join(last)}", f"See {log}.")
    new.rename(layout.postgres_data)


def _give_to(folder: Path, uid: int) -> None:
    """Change the owner of everything in ``folder``, where root last started PostgreSQL in another way."""
    if folder.stat().st_uid != uid:
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, uid, uid, follow_symlinks=False)


def make_roles(settings: Settings) -> None:
    """Make the roles, with their passwords, and the database that the migrator owns. Harmless when repeated."""
    server = _superuser(settings)
    server.autocommit = True  # CREATE DATABASE wants no transaction
    try:
        with server.cursor() as cursor:
            for role in get_args(Role):
                _make_secret(endpoints.password_file(settings, role))  # of a role that an older version did not have
                login = endpoints.postgres(settings, role)
                cursor.execute(statement("queries/role_exists"), {"role": login.user})
                change = statement("setup/alter_role" if cursor.fetchone() else "setup/create_role")
                secret = encrypt_password(login.password, login.user, server, "scram-sha-256")
                cursor.execute(change.format(role=sql.Identifier(login.user)), {"secret": secret})
            database = sql.Identifier(settings.postgres.database)
            cursor.execute(statement("queries/database_exists"), {"database": settings.postgres.database})
            if not cursor.fetchone():
                cursor.execute(statement("setup/create_database").format(database=database))
            cursor.execute(statement("setup/revoke_from_public").format(database=database))
            cursor.execute(statement("setup/grant_connect").format(database=database))
    finally:
        server.close()


def drop(settings: Settings) -> None:
    """Delete the database with all it holds, even while others are connected; the roles stay."""
    server = _superuser(settings)
    server.autocommit = True
    try:
        with server.cursor() as cursor:
            name = sql.Identifier(settings.postgres.database)
            cursor.execute(statement("setup/drop_database").format(database=name))
    finally:
        server.close()


def superuser_connects(settings: Settings) -> bool:
    """Return whether the local PostgreSQL takes connections."""
    try:
        _superuser(settings).close()
    except psycopg2.OperationalError:
        return False
    return True


def _superuser(settings: Settings) -> Connection:
    return psycopg2.connect(
        host="127.0.0.1",
        port=(endpoints.Ports.read(settings) or endpoints.Ports()).postgres,
        dbname="postgres",
        user=SUPERUSER,
        password=endpoints.password_file(settings, SUPERUSER).read_text().strip(),
        connect_timeout=5,
    )


def empty(settings: Settings) -> None:
    """Delete the rows of all tables."""
    server = connect(settings, "migrator")
    try:
        with server, server.cursor() as cursor:
            tables = sql.SQL(", ").join(sql.Identifier("public", name) for name in count(settings))
            cursor.execute(statement("setup/empty_tables").format(tables=tables))
    finally:
        server.close()


def count(settings: Settings) -> dict[str, int]:
    """Return the number of rows by table of the schema public, partitions counted with their parent."""
    server = connect(settings, "reader")
    try:
        with server, server.cursor() as cursor:
            cursor.execute(statement("queries/tables"))
            tables = [name for (name,) in cursor.fetchall()]
            if not tables:
                return {}
            one = statement("queries/row_count")
            counts = [one.format(name=sql.Literal(name), table=sql.Identifier("public", name)) for name in tables]
            cursor.execute(sql.SQL(" UNION ALL ").join(counts))
            return dict(cursor.fetchall())
    finally:
        server.close()
