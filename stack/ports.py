"""Which ports the local stack listens on: those that were set, else those of last time, else free ones."""

from __future__ import annotations

import socket
from dataclasses import asdict

import psutil

from tidemark.endpoints import Ports
from tidemark.errors import UserError
from tidemark.settings import Settings

_SPAN = {"metrics": 2}  # JobManager and TaskManager each serve their metrics: on this port and the next


def choose(settings: Settings) -> Ports:
    """Return a free port for every part. Raises UserError where one that was set is taken."""
    wanted = fixed(settings)
    before = asdict(Ports.read(settings) or Ports())
    chosen: dict[str, int] = {}
    used = set(wanted.values())
    for name, usual in before.items():
        span = _SPAN.get(name, 1)
        if name in wanted:
            port = wanted[name]
            if not is_free(port):
                raise UserError(
                    f"Port {port}, which {name}.port asks for, is taken{_holder(port)}.",
                    f"End that program, or set TIDEMARK_{name.upper()}__PORT to another port (or to none).",
                )
        else:
            port = usual
            while not all(is_free(p) and p not in used for p in range(port, port + span)):
                port = any_free()
        used.update(range(port, port + span))
        chosen[name] = port
    return Ports(**chosen)


def fixed(settings: Settings) -> dict[str, int]:
    """Return by part the ports that the settings name for parts of the local stack."""
    named = {
        "kafka": None if settings.kafka.bootstrap else settings.kafka.port,
        "postgres": None if settings.postgres.host else settings.postgres.port,
        "flink": None if settings.flink.rest else settings.flink.port,
        "api": settings.api.port if settings.api.enabled else None,
    }
    return {name: port for name, port in named.items() if port}


def is_free(port: int) -> bool:
    """Return whether a server on the loopback interface could listen on ``port``."""
    if not 0 < port < 65536:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _holder(port: int) -> str:
    """Return `` by NAME (process PID)`` where the system tells it, else nothing."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,)
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""
