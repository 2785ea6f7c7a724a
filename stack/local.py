"""The local stack: Kafka, PostgreSQL and a Flink session cluster as supervised processes on the loopback interface."""

from __future__ import annotations

import base64
import fcntl
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import requests

from connectors import artefacts, flink_home
from connectors.java import java_home
from flink_jobs import cluster
from producers import health as producers_health
from serving import part as serving_part
from stack import config, database, migrate, ports, topics, upkeep
from stack.config import Layout
from stack.supervise import Process, Supervisor, end_orphans
from tidemark import endpoints, kafka_clients
from tidemark.endpoints import Ports
from tidemark.errors import UserError
from tidemark.settings import Settings

PARTS = ("kafka", "postgres", "jobmanager", "taskmanager", *config.OWN_PARTS)
Report = Callable[[str], None]

_START_SECONDS = 120  # a part that is not up by then will not come up
_SUSPEND_SECONDS = 120  # for the savepoints of all jobs
_MEMORY_MIB = 700  # what Kafka, PostgreSQL, the maintenance and the API take at work
_DISK_MIB = 1000
_STATES = {"RUNNING": "starting", "STARTING": "starting", "BACKOFF": "starting", "FATAL": "failed"}


def up(settings: Settings, report: Report = lambda text: None, *, jobs: bool = True) -> None:
    """Start what does not run, wait until every part answers, and make roles, tables and topics where missing.

    Harmless when repeated. ``report`` gets a line for each thing done; ``jobs`` brings back the jobs that ran before.
    Raises UserError where a part cannot start.
    """
    with _locked(settings, report):
        artefacts.fetch()
        flink_home.ensure()
        supervisor = Supervisor(settings)
        if supervisor.is_alive():
            _tell_changes(settings, report)
        else:
            _start_supervisor(settings, supervisor, report)
        wanted = config.parts(settings)
        with ThreadPoolExecutor(max_workers=3) as pool:
            work = [pool.submit(_start_kafka, settings, supervisor, report)]
            work.append(pool.submit(_start_postgres, settings, supervisor, report))
            flink = pool.submit(_start_flink, settings, supervisor, report) if "jobmanager" in wanted else None
            for one in work:
                one.result()
            if "api" in wanted:
                _start_api(settings, supervisor, report)
            if "notify" in wanted:
                _start_notify(settings, supervisor, report)
            if flink:
                flink.result()
        if jobs:
            cluster.restore(settings, report)


def down(settings: Settings, report: Report = lambda text: None) -> None:
    """Stop every process of the stack, the jobs with savepoints. Loses no data, leaves no process."""
    if not settings.data_dir.is_dir():
        return
    with _locked(settings, report):
        supervisor = Supervisor(settings)
        if supervisor.is_alive():
            if "jobmanager" in supervisor.processes() and is_healthy(settings, "jobmanager"):
                _suspend_jobs(settings, report)
            for names in (("taskmanager", "jobmanager", *config.OWN_PARTS), ("kafka", "postgres")):
                with ThreadPoolExecutor(max_workers=len(names)) as pool:
                    list(pool.map(supervisor.stop_part, names))
            supervisor.stop()
        end_orphans(settings.data_dir)
        Layout(settings.data_dir).socket.unlink(missing_ok=True)


def wipe(settings: Settings) -> None:
    """Delete everything that a stopped stack has kept."""
    shutil.rmtree(settings.data_dir, ignore_errors=True)


def status(settings: Settings) -> dict[str, Any]:
    """Return what there is: ``parts``, ``sources``, ``jobs``, ``topics``, ``tables`` and ``maintenance``, in the form
    `tidemark status --json` has.

    Never raises because something is down: what cannot be asked is given as down or left out.
    """
    parts = part_states(settings)
    up_now = {part["name"] for part in parts if part["state"] == "up"}
    return {
        "parts": parts,
        "sources": [_source(state) for state in producers_health.states(settings)],
        "jobs": _jobs(settings) if "jobmanager" in up_now else [],
        "topics": topics.count(settings) if "kafka" in up_now else {},
        "tables": database.count(settings) if "postgres" in up_now else {},
        "maintenance": upkeep.last_runs(settings) if "postgres" in up_now else [],
    }


def _source(state: producers_health.State) -> dict[str, Any]:
    times = ("last_message", "last_run", "last_success", "next_run")
    return {
        "name": state.source,
        **{name: getattr(state, name) for name in ("state", "breaker", "messages", "dead_letters", "failures")},
        **{name: getattr(state, name) or None for name in (*times, "error")},
    }


def _jobs(settings: Settings) -> list[dict[str, Any]]:
    try:
        return cluster.jobs(settings)
    except UserError:  # the JobManager went away in between
        return []


@dataclass(frozen=True)
class Finding:
    """What `tidemark health` found of a part, a job or a source; ``advice`` says what to do, and is empty where all is
    well.
    """

    name: str
    state: str
    advice: str


def health(settings: Settings) -> list[Finding]:
    """Check every part, every job on the cluster, and every source that runs or was stopped for sending rubbish."""
    findings = []
    for part in part_states(settings):
        name, state = part["name"], part["state"]
        advice = ""
        if state != "up" and name not in config.parts(settings):
            advice = _kafka_refusal(settings) if name == "kafka" else ""
            advice = advice or f"Nothing answers at {part['address']}: see to that server, or to the setting of it."
        elif state == "down":
            advice = "`tidemark up` starts it."
        elif state == "starting":
            advice = f"Wait a moment; if it stays so, `tidemark logs {name}` says why."
        elif state == "failed":
            advice = f"`tidemark logs {name}` says why; `tidemark up` tries again."
        findings.append(Finding(name, state, advice))
    if not any(finding.name == "jobmanager" and finding.advice for finding in findings):
        for job in _jobs(settings):
            well = job["state"] == "RUNNING"
            advice = "" if well else "The reason is under Exceptions in Flink's web UI; `tidemark up` restores jobs."
            findings.append(Finding(f"job {job['name']}", job["state"], advice))
    for run in upkeep.last_runs(settings):
        advice = f"{run['result']}. It is tried again by itself; `tidemark maintain` does so now."
        findings.append(Finding(f"task {run['task']}", *(("failed", advice) if run["failed"] else ("done", ""))))
    sources = [one for one in producers_health.states(settings) if one.state != "stopped" or one.rubbish]
    return [*findings, *(Finding(f"source {one.source}", one.state, _advice(one)) for one in sources)]


def _advice(source: producers_health.State) -> str:
    name = source.source.partition(":")[0]
    if source.rubbish:
        return (
            f"It was {source.error}. Its dead letters say what it sent; where that is put right, "
            f"`tidemark produce {name}` starts it again."
        )
    if source.breaker == "OPEN":
        return (
            f"Left alone for a while after {source.failures} failures ({source.error}). See to the network and to "
            f"{name}'s settings; it goes on by itself."
        )
    if source.state == "failing":
        return (
            f"{source.error}. It is tried again by itself; if it stays so, see to the network and to {name}'s settings."
        )
    return ""


def part_states(settings: Settings) -> list[dict[str, Any]]:
    """Return name, state (up, starting, failed, down), pid and address of every part."""
    processes = Supervisor(settings).processes()
    local = config.parts(settings)

    def one(name: str) -> dict[str, Any]:
        process = processes.get(name)
        runs = name not in local or (process is not None and process.pid is not None)
        state = "up" if runs and is_healthy(settings, name) else _STATES.get(process.state if process else "", "down")
        known = state != "down" or name not in local
        address = address_of(settings, name) if known else None
        return {"name": name, "state": state, "pid": process.pid if process else None, "address": address}

    names = [name for name in PARTS if name not in ("api", "notify") or name in local]  # these are nowhere else
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        return list(pool.map(one, names))


def address_of(settings: Settings, part: str) -> str | None:
    """Return where ``part`` can be reached, if it can be; a TaskManager can only be asked through the JobManager."""
    if part == "kafka":
        return endpoints.kafka_bootstrap(settings)
    if part == "postgres":
        host = settings.postgres.host or "127.0.0.1"
        port = (Ports.read(settings) or Ports()).postgres if not settings.postgres.host else settings.postgres.port
        return f"{host}:{port or 5432}"
    if part == "jobmanager":
        return _rest_url(settings)
    if part == "api":
        return endpoints.api(settings)
    if part in ("maintenance", "notify"):
        return None
    return next(iter(_task_managers(settings)), None)


def is_healthy(settings: Settings, part: str) -> bool:
    """Return whether ``part`` does its work: Kafka answers, PostgreSQL selects, a TaskManager is registered. The
    maintenance and what notifies cannot be asked, and are well while they run.
    """
    if part in ("maintenance", "notify"):
        return True
    if part == "kafka":
        return _kafka_answers(settings)
    if part == "postgres":
        return _postgres_answers(settings)
    if part == "jobmanager":
        return bool(_rest(settings, "/overview"))
    if part == "api":
        return _answer(f"{endpoints.api(settings)}/healthz/live") is not None
    managers = _task_managers(settings)
    if part in config.parts(settings):  # one that was killed stays registered for some seconds
        managers = [address for address in managers if _listens(*address.rsplit(":", 1))]
    return bool(managers)


def log_file(settings: Settings, part: str) -> Path:
    """Return the log of ``part`` (or of ``supervisord``)."""
    return Layout(settings.data_dir).logs / f"{part}.log"


@contextmanager
def _locked(settings: Settings, report: Report) -> Iterator[None]:
    """Hold the stack's lock: two commands at once take turns."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (settings.data_dir / "lock").open("w")
    except OSError as error:
        raise UserError(
            f"{settings.data_dir} cannot be written to ({error.strerror}).",
            "Set TIDEMARK_DATA_DIR to a folder of your own.",
        ) from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Another `tidemark up` or `down` is at work; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start_supervisor(settings: Settings, supervisor: Supervisor, report: Report) -> None:
    orphans = end_orphans(settings.data_dir)
    if orphans:
        report(f"Ended {orphans} processes that an earlier, killed stack had left behind")
    _check_machine(settings)
    chosen = ports.choose(settings)
    chosen.write(settings)
    config.write(settings, chosen)
    supervisor.start()


def _tell_changes(settings: Settings, report: Report) -> None:
    running = Ports.read(settings)
    if running is None:
        return
    files = config.render(settings, replace(running, **ports.fixed(settings)))
    if any(not path.exists() or path.read_text() != text for path, text in files.items()):
        report("Settings have changed since the stack was started; `tidemark down` and `tidemark up` apply them")


def _check_machine(settings: Settings) -> None:
    available = min(psutil.virtual_memory().available, _container_limit()) >> 20
    flink = settings.flink
    needed = _MEMORY_MIB + _mib(flink.jobmanager_memory) + _mib(flink.taskmanager_memory)
    if available < needed:
        raise UserError(
            f"The stack needs {needed} MiB of memory, and {available} MiB are free.",
            "End other programs, or make flink.taskmanager_memory smaller.",
        )
    free = shutil.disk_usage(settings.data_dir).free >> 20
    if free < _DISK_MIB:
        raise UserError(
            f"{settings.data_dir} has {free} MiB of free disk space; the stack needs {_DISK_MIB}.",
            "Make room, or set TIDEMARK_DATA_DIR to a folder on another disk.",
        )


def _mib(memory: str) -> int:
    return int(memory[:-1]) * {"m": 1, "g": 1024}[memory[-1]]


def _container_limit() -> int:
    """Return the memory in bytes that a container grants, which psutil does not know of (cgroup v2)."""
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):  # not in a container, or `max`
        return sys.maxsize


def _start_kafka(settings: Settings, supervisor: Supervisor, report: Report) -> None:
    if "kafka" in config.parts(settings):
        layout = Layout(settings.data_dir)
        if "kafka" not in _running(supervisor) and not (layout.kafka / "data" / "meta.properties").exists():
            format_kafka(layout)
        _start_part(settings, supervisor, "kafka", lambda: _kafka_answers(settings))
        report(f"Kafka is up at {address_of(settings, 'kafka')}")
    made = topics.create(settings)
    if made:
        report(f"Made the topics {', '.join(made)}")


def format_kafka(layout: Layout) -> None:
    """Make the broker's data folder. Raises UserError where that cannot be done."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")  # the form that Kafka wants
    command = [
        str(java_home() / "bin" / "java"),
        *("-cp", str(artefacts.JARS / "kafka" / "*")),
        *("kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--ignore-formatted"),
        *("--config", str(layout.kafka / "server.properties")),
    ]
    done = subprocess.run(command, cwd=layout.kafka, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise UserError(f"Kafka's data folder could not be made: {''.join(last)}", f"See {layout.kafka}.")


def _start_postgres(settings: Settings, supervisor: Supervisor, report: Report) -> None:
    if "postgres" in config.parts(settings):
        if "postgres" not in _running(supervisor):
            database.prepare(settings)
        _start_part(settings, supervisor, "postgres", lambda: database.superuser_connects(settings))
        database.make_roles(settings)
        report(f"PostgreSQL is up at {address_of(settings, 'postgres')}")
    skipped: list[str] = []
    applied = migrate.migrate(settings, report=skipped.append)
    if applied:
        for text in (f"Applied the migrations {', '.join(applied)}", *skipped):
            report(text)
    upkeep.write(settings)
    _start_part(settings, supervisor, "maintenance", lambda: "maintenance" in _running(supervisor))


def _start_flink(settings: Settings, supervisor: Supervisor, report: Report) -> None:
    if "taskmanager" not in _running(supervisor):
        supervisor.start_part("taskmanager")
    _start_part(settings, supervisor, "jobmanager", lambda: is_healthy(settings, "jobmanager"))
    _start_part(settings, supervisor, "taskmanager", lambda: is_healthy(settings, "taskmanager"))
    report(f"Flink is up at {address_of(settings, 'jobmanager')}")


def _start_api(settings: Settings, supervisor: Supervisor, report: Report) -> None:
    """Start the API. Where it does not start that is said, and all else goes on without it."""
    if "api" not in supervisor.processes():  # it was started by an earlier version
        return
    if "api" not in _running(supervisor):
        serving_part.write(settings, "api", Layout(settings.data_dir).api)
        supervisor.start_part("api")
    deadline = time.monotonic() + _START_SECONDS
    while not is_healthy(settings, "api"):
        process = supervisor.processes().get("api")
        if process is None or process.state not in ("STARTING", "RUNNING") or time.monotonic() > deadline:
            report("The API does not start; `tidemark logs api` says why")
            return
        time.sleep(0.2)
    report(f"The API is up at {address_of(settings, 'api')}")


def _start_notify(settings: Settings, supervisor: Supervisor, report: Report) -> None:
    """Start what notifies. Where it cannot work that is said, and all else goes on without it."""
    if "notify" not in supervisor.processes() or "notify" in _running(supervisor):
        return
    from serving.notify import channels  # takes a second

    try:
        made = channels.make(settings.notify)
    except UserError as error:
        report(f"Nobody is notified of alerts. {error}")
        return
    serving_part.write(settings, "notify", Layout(settings.data_dir).notify)
    supervisor.start_part("notify")
    report(f"Alerts go to {', '.join(channel.name for channel in made)}")


def _running(supervisor: Supervisor) -> dict[str, Process]:
    found = supervisor.processes()
    return {name: process for name, process in found.items() if process.state in ("STARTING", "RUNNING", "BACKOFF")}


def _start_part(settings: Settings, supervisor: Supervisor, name: str, healthy: Callable[[], bool]) -> None:
    """Start ``name`` unless it runs, and wait until it is ``healthy``."""
    if name not in _running(supervisor):
        supervisor.start_part(name)
    deadline = time.monotonic() + _START_SECONDS
    while not healthy():
        process = supervisor.processes().get(name)
        if process is None or process.state == "FATAL":
            raise UserError(f"{name} does not start.", f"The reason is at the end of {log_file(settings, name)}.")
        if time.monotonic() > deadline:
            raise UserError(
                f"{name} is not up after {_START_SECONDS} seconds.", f"See {log_file(settings, name)}; then try again."
            )
        time.sleep(0.2)


def _suspend_jobs(settings: Settings, report: Report) -> None:
    """Stop the jobs with savepoints, in so far as that can be done in time; their checkpoints are kept anyway."""
    failures: list[Exception] = []

    def suspend() -> None:
        try:
            cluster.suspend(settings, report)
        except Exception as error:  # noqa: BLE001 - whatever it is, the stack has to go down
            failures.append(error)

    thread = threading.Thread(target=suspend, daemon=True)
    thread.start()
    thread.join(_SUSPEND_SECONDS)
    if thread.is_alive() or failures:
        reason = str(failures[0]) if failures else f"not done after {_SUSPEND_SECONDS} seconds"
        report(f"Savepoints could not be taken ({reason}); `tidemark up` goes on from the last checkpoints")


def _kafka_answers(settings: Settings) -> bool:
    from kafka.errors import KafkaError

    host, _, port = endpoints.kafka_bootstrap(settings).split(",")[0].rpartition(":")
    if not _listens(host, port):
        return False
    try:
        with kafka_clients.admin(settings, timeout_ms=5_000) as client:
            found = client.describe_cluster()
            return bool(found["brokers"]) and _is_ours(settings, found["cluster_id"])
    except (KafkaError, OSError, UserError):
        return False


def _kafka_refusal(settings: Settings) -> str:
    """Return why the broker refuses us and what to set, or nothing where it does not even answer."""
    try:
        kafka_clients.check(settings)
    except UserError as error:
        return f"{error} {error.hint}"
    return ""


def _is_ours(settings: Settings, cluster_id: str) -> bool:
    """Return whether the broker that answers is this stack's, not that of another which took the port first."""
    if settings.kafka.bootstrap:
        return True
    properties = Layout(settings.data_dir).kafka / "data" / "meta.properties"
    return f"cluster.id={cluster_id}" in properties.read_text().splitlines()


def _is_our_jobmanager(settings: Settings) -> bool:
    """Return whether the JobManager that answers is this stack's."""
    if settings.flink.rest:
        return True
    ours = {"key": "io.tmp.dirs", "value": str(Layout(settings.data_dir).flink / "tmp")}
    return ours in (_rest_answer(settings, "/jobmanager/config") or [])


def _postgres_answers(settings: Settings) -> bool:
    try:
        server = database.connect(settings, "reader")
    except (psycopg2.Error, UserError):
        return False
    server.close()
    return True


def _listens(host: str, port: str) -> bool:
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except OSError:
        return False


def _task_managers(settings: Settings) -> list[str]:
    """Return host:port of every TaskManager that is registered, out of ``pekko.tcp://flink@HOST:PORT/user/…``."""
    paths = [str(manager["path"]) for manager in _rest(settings, "/taskmanagers").get("taskmanagers", [])]
    return [path.partition("@")[2].partition("/")[0] for path in paths]


def _rest_url(settings: Settings) -> str:
    host, port = endpoints.flink_rest(settings)
    return f"http://{host}:{port}"


def _rest(settings: Settings, path: str) -> dict[str, Any]:
    """Return the object that the JobManager answers, or nothing where it does not."""
    found = _rest_answer(settings, path)
    return found if isinstance(found, dict) else {}


def _rest_answer(settings: Settings, path: str) -> Any:
    return _answer(_rest_url(settings) + path)


def _answer(address: str) -> Any:
    """Return the JSON that is at ``address``, or None where nothing is."""
    session = requests.Session()
    session.trust_env = False  # a proxy has no business on the loopback interface
    try:
        answer = session.get(address, timeout=5)
        answer.raise_for_status()
        return answer.json()
    except (requests.RequestException, ValueError):
        return None
