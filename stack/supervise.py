"""supervisord: starts the parts, starts them again when they die, ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil

from connectors import flink_home
from stack.config import MARK, PYTHON, Layout
from tidemark.errors import UserError
from tidemark.settings import Settings

_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Process:
    """What supervisord knows of a part: its state in supervisord's words, and its process id while it has one."""

    state: str
    pid: int | None
    message: str


class Supervisor:
    """The supervisord of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._layout = Layout(settings.data_dir)

    def _call(self, method: str, *arguments: Any) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._layout.socket}")
        try:
            return getattr(ServerProxy("http://127.0.0.1", transport=transport).supervisor, method)(*arguments)
        finally:
            transport.close()

    def is_alive(self) -> bool:
        """Return whether it answers."""
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, Fault, ValueError):
            return False

    def start(self) -> None:
        """Start it, with none of the parts running yet. Raises UserError where it does not come up."""
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= flink_home.environment(self._settings) | {MARK: str(self._settings.data_dir), "TZ": "UTC"}
        command = [PYTHON, "-m", "supervisor.supervisord", "-c", str(self._layout.supervisord_conf)]
        folder = self._settings.data_dir
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
        deadline = time.monotonic() + 20
        while not self.is_alive():
            if done.returncode or time.monotonic() > deadline:
                detail = (done.stderr or done.stdout).strip().splitlines()
                raise UserError(
                    f"The supervisor of the local stack did not start{': ' + detail[0] if detail else ''}.",
                    f"See {self._layout.logs / 'supervisord.log'}.",
                )
            time.sleep(0.1)

    def processes(self) -> dict[str, Process]:
        """Return what it knows of each part; nothing where it does not run."""
        try:
            found = self._call("getAllProcessInfo")
        except (OSError, Fault, ValueError):
            return {}
        return {p["name"]: Process(p["statename"], p["pid"] or None, p["spawnerr"] or p["description"]) for p in found}

    def start_part(self, name: str) -> None:
        """Start a part that is not running, or that supervisord has given up; does not wait for it."""
        try:
            self._call("startProcess", name, False)
        except Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise UserError(
                    f"{name} could not be started: {fault.faultString}.", f"See {self._layout.logs / name}.log."
                ) from fault

    def stop_part(self, name: str) -> None:
        """End a part and wait for it; a part that does not run is left alone."""
        try:
            self._call("stopProcess", name, True)
        except Fault as fault:
            if "NOT_RUNNING" not in fault.faultString and "BAD_NAME" not in fault.faultString:
                raise

    def stop(self) -> None:
        """End supervisord, and with it what still runs."""
        try:
            self._call("shutdown")
        except (OSError, Fault):
            return
        deadline = time.monotonic() + 60
        while self._daemon_runs() and time.monotonic() < deadline:
            time.sleep(0.1)

    def _daemon_runs(self) -> bool:
        for process in marked(self._settings.data_dir):
            with suppress(psutil.Error):  # it ended meanwhile
                if "supervisor.supervisord" in process.cmdline():
                    return True
        return False


def marked(data_dir: Path) -> list[psutil.Process]:
    """Return every process of the stack of ``data_dir``, found by its environment or as a child of one found so."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it ended meanwhile, or belongs to somebody else
            if process.environ().get(MARK) == str(data_dir) and process.pid != os.getpid():
                family = [process, *process.children(recursive=True)]
                found |= {one.pid: one for one in family if one.status() != psutil.STATUS_ZOMBIE}
    return list(found.values())


def end_orphans(data_dir: Path, *, patience: float = 30) -> int:
    """End what an earlier supervisord left behind when it was killed; return how many processes that were."""
    orphans = marked(data_dir)
    for process in orphans:
        with suppress(psutil.NoSuchProcess):
            # SIGTERM would have PostgreSQL wait for its clients to leave.
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(orphans, timeout=patience)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=10)
    return len(orphans)
