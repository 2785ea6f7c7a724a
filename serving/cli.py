"""`tidemark api`: serves the REST API; `tidemark api keys`: who may call it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tidemark.durations import parse_duration
from tidemark.endpoints import Role, in_address
from tidemark.errors import UserError
from tidemark.settings import Settings, settings

app = typer.Typer(help="The REST API, and who may call it.", invoke_without_command=True)
keys = typer.Typer(help="Keys to the API: each is shown once, when it is made.", no_args_is_help=True)
app.add_typer(keys, name="keys")
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)

_USUAL_PORT = 8000
_LONGEST_NAME = 64
_KEEP_ALIVE = 30  # seconds that an idle connection is kept
_GOODBYE = 5  # seconds that requests have to end in when the server stops


@app.callback()
def api(
    context: typer.Context,
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on; without, the setting api.host.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; without, the setting api.port.")] = None,
) -> None:
    """Serve the REST API until stopped; /docs on it lists every path."""
    if context.invoked_subcommand is None:
        given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
        config = settings()
        serve(config.model_copy(update={"api": config.api.model_copy(update=given)}))


def serve(config: Settings) -> None:
    """Serve the API as ``config.api`` says, until a signal ends it.

    Raises UserError where PostgreSQL is away or not up to date, where others than this machine would call and there is
    no key, and where the port is taken.
    """
    import uvicorn

    from serving.app import create_app
    from serving.auth import is_loopback
    from serving.live.server import Server, live_options
    from tidemark import logs

    listed = [key for key in _fetch(config, "api", "api_keys") if key["holds"]]
    if not is_loopback(config.api.host) and not (listed or config.api.jwt_secret or config.api.jwt_public_key):
        raise UserError(
            f"api.host is {config.api.host}, where others than this machine call, and there is no key yet.",
            "Make one with `tidemark api keys create NAME`, or set api.jwt_secret or api.jwt_public_key.",
        )
    port = _port(config)
    logs.configure(config)
    console.print(f"The dashboard is at http://{in_address(config.api.host)}:{port}, the paths of the API at /docs")
    app = create_app(config)
    options = uvicorn.Config(
        app,
        host=config.api.host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(config.api.trusted_proxies),
        forwarded_allow_ips=config.api.trusted_proxies,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GOODBYE,
        **live_options(),
    )
    Server(options, app.state.services.send_away).run()


def _port(config: Settings) -> int:
    from stack import ports

    wanted = config.api.port
    if wanted is None:
        return _USUAL_PORT if ports.is_free(_USUAL_PORT) else ports.any_free()
    if not ports.is_free(wanted):
        raise UserError(f"Port {wanted} is taken.", "Choose another with --port, or none, and a free one is taken.")
    return wanted


@keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whom or what it is for.")],
    *,
    scope: Annotated[str, typer.Option(help="read; write: also configures; admin: also reads the log.")] = "read",
    expires: Annotated[str | None, typer.Option(help="When it ends by itself, such as 90d; without, never.")] = None,
) -> None:
    """Make a key and show it, this once."""
    from serving.auth import SCOPES, hashed, new_key

    if scope not in SCOPES:
        raise UserError(f"There is no scope {scope!r}.", f"There are {', '.join(SCOPES)}.")
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise UserError("That is no name for a key.", f"Give it one of 1 to {_LONGEST_NAME} letters.")
    key_id, key = new_key()
    values = {
        "key_id": key_id,
        "name": name,
        "hash": hashed(key),
        "scopes": [scope],
        "expires_at": None if expires is None else _after(expires),
    }
    with _changing(settings(), f"api keys create {key_id}", {"name": name, "scope": scope}) as run:
        run("add_api_key", values)
    Console(stderr=True).print(f"The key {key_id} may {scope}. It is shown this once; only its hash is kept.")
    typer.echo(key)


@keys.command("list")
def show(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show the keys that were made, without what is secret of them."""
    found = _fetch(settings(), "api", "api_keys")
    if as_json:
        typer.echo(json.dumps(found, indent=2, default=lambda time: time.isoformat()))
        return
    table = Table("id", "name", "scope", "made", "state", box=box.SIMPLE_HEAD, pad_edge=False)
    for key in found:
        table.add_row(
            key["key_id"], escape(key["name"]), ", ".join(key["scopes"]), f"{key['created_at']:%Y-%m-%d}", _state(key)
        )
    console.print(table)


@keys.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `list` shows.")]) -> None:
    """End a key; a running API refuses it within a second."""
    with _changing(settings(), f"api keys revoke {key_id[:40]}", {}) as run:
        if not run("revoke_api_key", {"key_id": key_id}):
            raise UserError(
                f"There is no key {key_id!r} that could be revoked.", "`tidemark api keys list` shows them."
            )
    console.print(f"The key {key_id} does not hold any more.")


def _state(key: dict[str, Any]) -> str:
    if key["revoked_at"]:
        return f"revoked {key['revoked_at']:%Y-%m-%d}"
    if key["expires_at"]:
        return f"{'ends' if key['holds'] else 'ended'} {key['expires_at']:%Y-%m-%d}"
    return "holds"


def _after(duration: str) -> datetime:
    try:
        return datetime.now(timezone.utc) + parse_duration(duration)
    except (ValueError, OverflowError) as error:
        raise UserError(f"--expires: {error}.") from None


@contextmanager
def _changing(config: Settings, action: str, detail: dict[str, Any]) -> Iterator[Any]:
    """Give a function that runs a query as the migrator; note in the log of writes what is done, in one transaction."""
    note = {
        "actor": "cli",
        "address": None,
        "action": action,
        "status": 200,
        "request_id": None,
        "detail": json.dumps(detail),
    }
    with _connected(config, "migrator") as run:
        yield run
        run("note_write", note)


def _fetch(config: Settings, role: Role, query: str) -> list[dict[str, Any]]:
    with _connected(config, role) as run:
        found: list[dict[str, Any]] = run(query, {})
        return found


@contextmanager
def _connected(config: Settings, role: Role) -> Iterator[Any]:
    import psycopg2

    from stack import database

    try:
        server = database.connect(config, role)
    except psycopg2.OperationalError:
        raise UserError("PostgreSQL does not answer.", "Start the local stack with `tidemark up`.") from None
    try:
        with server, server.cursor() as cursor:

            def run(query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
                cursor.execute(database.statement(f"api/{query}"), values)
                names = [column.name for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []

            yield run
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InsufficientPrivilege):
        raise UserError(
            "The database has not what the API needs.", "`tidemark migrate` brings it up to date."
        ) from None
    finally:
        server.close()
