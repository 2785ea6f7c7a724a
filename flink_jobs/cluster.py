"""The jobs on the session cluster, through its REST API: which run, how far they are, start, stop, bring back.

Which jobs are wanted is kept in ``jobs.json`` of the data folder with the snapshot each last began from, because a
session cluster forgets its jobs when the JobManager ends.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import structlog

from flink_jobs import plans
from flink_jobs.sql_files import JOBS
from flink_jobs.variables import Batch
from tidemark.endpoints import flink_rest
from tidemark.errors import UserError
from tidemark.settings import Settings

if TYPE_CHECKING:
    from flink_jobs.runner import Prepared

log = structlog.get_logger(__name__)

LIVE = ("INITIALIZING", "CREATED", "RUNNING", "RESTARTING", "FAILING", "CANCELLING", "RECONCILING")
# JDBC's sinks, Kafka's, and what Iceberg's have committed.
_WRITTEN = re.compile(r"(?:(?:\ASink__.*|__Writer)\.numRecordsIn|\.committedDataFilesRecordCount)\Z")
_SUBMIT_HINT = "See `tidemark logs jobmanager`."


class Rest:
    """The JobManager's REST API (Flink's documentation, "REST API")."""

    def __init__(self, settings: Settings) -> None:
        host, port = flink_rest(settings)
        self.address = f"http://{host}:{port}"
        self._session = requests.Session()
        self._session.trust_env = False  # the cluster is not behind the proxy that the web may be behind

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON at ``path``. Raises UserError where the cluster does not answer or refuses."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Post ``body`` and return the answer. Raises UserError as `get` does."""
        return self._call("POST", path, json=body)

    def patch(self, path: str) -> None:
        """Send a PATCH, which is how a job is cancelled."""
        self._call("PATCH", path)

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            answer = self._session.request(method, self.address + path, timeout=30, **arguments)
        except requests.RequestException:
            raise UserError(f"No Flink cluster answers at {self.address}.", "Start it with `tidemark up`.") from None
        if not answer.ok:
            errors = answer.json().get("errors", [""]) if "json" in answer.headers.get("content-type", "") else [""]
            raise UserError(
                f"Flink refused {method} {path}: {errors[-1].splitlines()[0] if errors[-1] else answer.status_code}"
            )
        return answer.json() if answer.content else None


@dataclass
class Wanted:
    """A job that was submitted: its id on the cluster ("" once stopped for good), and the snapshot to start from."""

    id: str
    snapshot: str = ""


def _first_line(body: str) -> str:
    try:
        body = json.loads(body)["errors"][-1]
    except (ValueError, KeyError, IndexError, TypeError):
        body = body.strip()  # not the API's own answer: a proxy's, say
    return str(body).split("\n", 1)[0][:300]


def default_jobs(settings: Settings) -> tuple[str, ...]:
    """Return the jobs that are submitted where none is named: all, but the lake's only where there is a lake."""
    return tuple(name for name in JOBS if name != "lake" or settings.lake.enabled)


def jobs(settings: Settings) -> list[dict[str, Any]]:
    """Return name, id, state, records_in (read by its sources) and records_out (written by its sinks) of each job.

    Jobs that shall run but are not on the cluster have the state ``MISSING``; others that have ended are left out.
    """
    rest = Rest(settings)
    wanted = _read(settings)
    newest: dict[str, dict[str, Any]] = {}
    for job in sorted(rest.get("/jobs/overview")["jobs"], key=lambda job: int(job["start-time"])):
        if job["state"] in LIVE or wanted.get(job["name"], Wanted("")).id == job["jid"]:
            newest[job["name"]] = job
    found = [
        {"name": name, "id": job["jid"], "state": job["state"], **_records(rest, job["jid"])}
        for name, job in newest.items()
    ]
    missing = [
        {"name": name, "id": entry.id, "state": "MISSING", "records_in": 0, "records_out": 0}
        for name, entry in wanted.items()
        if entry.id and name not in newest
    ]
    return sorted(
        found + missing, key=lambda job: (JOBS.index(job["name"]) if job["name"] in JOBS else 99, job["name"])
    )


def submit(
    settings: Settings,
    names: Iterable[str],
    report: Callable[[str], None],
    *,
    fresh: bool = False,
    drop_state: bool = False,
) -> None:
    """Submit the jobs ``names``, each from its last snapshot where there is one, unless ``fresh``.

    Raises UserError for a job that is running already, that Flink refuses, or whose SQL has changed so that some of the
    state in its snapshot would be lost, unless ``drop_state``.
    """
    from flink_jobs import runner

    running = _running(Rest(settings))
    wanted = _read(settings)
    options = client_options(settings)
    for name in names:
        if name in running:
            raise UserError(
                f"The job {name} is running already ({running[name]}).",
                f"Stop it: `tidemark jobs stop {name}`.",
            )
        snapshot = "" if fresh else _snapshot(settings, wanted.get(name))
        job = runner.prepare(settings, name, options)
        if snapshot:
            _fit(settings, name, job, drop_state=drop_state)
        _start(settings, name, job, snapshot, report, drop_state=drop_state)


def upgrade(
    settings: Settings, names: Iterable[str], report: Callable[[str], None], *, drop_state: bool = False
) -> None:
    """Replace the running jobs ``names`` by what the SQL files and settings say now: each goes on from a savepoint of
    the one before. Returns when all run.

    Raises UserError before any is stopped where one is not running, Flink refuses its SQL, or state would be lost
    (unless ``drop_state``); and where the new one does not come up.
    """
    from flink_jobs import runner

    names = list(names)
    options = client_options(settings)
    _running_ids(settings, names)
    prepared = {name: runner.prepare(settings, name, options) for name in names}
    for name, job in prepared.items():
        _fit(settings, name, job, drop_state=drop_state)
    for name, job in prepared.items():
        stop(settings, [name], report)
        snapshot = _read(settings)[name].snapshot
        _await_running(settings, name, _start(settings, name, job, snapshot, report, drop_state=drop_state))


def _fit(settings: Settings, name: str, job: Prepared, *, drop_state: bool) -> None:
    """Have ``job`` take over the state of the plan before it. Raises UserError where some would be lost."""
    kept = plans.read(settings, name)
    if kept is None:
        raise UserError(
            f"The snapshot of {name} was not made by this version.",
            f"Begin anew: `tidemark jobs submit --fresh {name}`.",
        )
    if kept.sql == job.plan.sql:
        job.plan = kept  # whatever Flink would make of the same SQL today: this is what wrote the snapshot
    elif not drop_state and (steps := plans.lost(kept.json, job.plan.json)):
        raise UserError(
            f"{name} has changed, and the state of {len(steps)} of its steps would be lost: {'; '.join(steps)}.",
            "See docs/operations.md, Upgrades: `--drop-state` goes on without it, `submit --fresh` begins anew.",
        )


def _start(
    settings: Settings, name: str, job: Prepared, snapshot: str, report: Callable[[str], None], *, drop_state: bool
) -> str:
    job_id = job.start(snapshot, drop_state=drop_state)
    _write(settings, {**_read(settings), name: Wanted(job_id, snapshot)})
    plans.write(settings, name, job.plan)
    report(f"{name}: submitted{' from its last snapshot' if snapshot else ''} ({job_id})")
    return job_id


def _await_running(settings: Settings, name: str, job_id: str, timeout: float = 120) -> None:
    rest = Rest(settings)
    until = time.monotonic() + timeout
    while True:
        job = rest.get(f"/jobs/{job_id}")
        if {job["state"], *(vertex["status"] for vertex in job["vertices"])} == {"RUNNING"}:
            return
        if job["state"] in ("FAILED", "RESTARTING") or time.monotonic() > until:
            entries = rest.get(f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
            causes = re.findall(r"^Caused by: (.*)", entries[0]["stacktrace"], re.MULTILINE) if entries else []
            reason = causes[-1] if causes else f"{job['state']} after {timeout:.0f} s"
            raise UserError(f"{name} does not come up from its savepoint: {reason}", _SUBMIT_HINT)
        time.sleep(0.2)


def run(settings: Settings, name: str, batch: Batch, report: Callable[[str], None]) -> None:
    """Run the job ``name`` over history, beside its streaming self, and wait until it is done.

    Raises UserError as `runner.run_batch` does.
    """
    from flink_jobs import runner

    began = time.monotonic()
    given = " ".join(f"{word} {at:%Y-%m-%dT%H:%M}" for word, at in (("from", batch.since), ("to", batch.until)) if at)
    what = "the lake" if batch.source == "lake" else "the topics"
    report(f"{name}: over {what} {given or 'whole'}; how far it is, {Rest(settings).address} shows")
    runner.run_batch(settings, name, {**client_options(settings), "execution.attached": "true"}, batch)
    report(f"{name}: done in {time.monotonic() - began:.0f} s")


def restore(settings: Settings, report: Callable[[str], None] = log.info) -> None:
    """Bring back every wanted job that the cluster does not have, from its newest checkpoint or savepoint."""
    wanted = [name for name, entry in _read(settings).items() if entry.id]
    if wanted:
        running = _running(Rest(settings))
        submit(settings, [name for name in wanted if name not in running], report)


def stop(settings: Settings, names: Iterable[str], report: Callable[[str], None], *, keep: bool = False) -> None:
    """Stop the jobs ``names`` with a savepoint each, which the next submit starts from.

    With ``keep`` they stay wanted, so that `restore` brings them back.
    """
    rest = Rest(settings)
    names = list(names)
    running = _running_ids(settings, names)
    wanted = _read(settings)
    target = (settings.data_dir / "flink" / "savepoints").as_uri()
    triggers = {
        name: rest.post(f"/jobs/{running[name]}/stop", {"targetDirectory": target, "drain": False})["request-id"]
        for name in names
    }
    for name, trigger in triggers.items():
        path = _await_savepoint(rest, running[name], trigger, name)
        wanted[name] = Wanted(running[name] if keep else "", path)
        _write(settings, wanted)
        report(f"{name}: stopped with a savepoint")


def forget(settings: Settings) -> None:
    """Cancel every job of ours, without a savepoint, and no longer want any."""
    rest = Rest(settings)
    for name, job_id in _running(rest).items():
        if name in JOBS:
            rest.patch(f"/jobs/{job_id}?mode=cancel")
    until = time.monotonic() + 60
    while any(name in JOBS for name in _running(rest)):
        if time.monotonic() > until:
            raise UserError("The jobs were not cancelled within 60 s.", _SUBMIT_HINT)
        time.sleep(0.2)
    _write(settings, {})


def suspend(settings: Settings, report: Callable[[str], None] = log.info) -> None:
    """Stop all wanted jobs with a savepoint before the cluster ends; they stay wanted."""
    running = _running(Rest(settings))
    stop(
        settings,
        [name for name, entry in _read(settings).items() if entry.id and name in running],
        report,
        keep=True,
    )


def checkpoint(settings: Settings, name: str, timeout: float = 120) -> None:
    """Have the job ``name`` take a checkpoint now, and wait for it: its sinks have then written all they were given."""
    rest = Rest(settings)
    job_id = _running(rest)[name]
    trigger = rest.post(f"/jobs/{job_id}/checkpoints", {})["request-id"]
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        answer = rest.get(f"/jobs/{job_id}/checkpoints/{trigger}")
        if answer["status"]["id"] == "COMPLETED":
            if cause := answer["operation"].get("failure-cause"):
                raise UserError(f"The checkpoint of {name} failed: {cause['class']}")
            return
        time.sleep(0.1)
    raise UserError(f"The checkpoint of {name} did not complete within {timeout:.0f} s.", _SUBMIT_HINT)


def watermarks(settings: Settings, name: str) -> list[int]:
    """Return the watermark (epoch ms) that each step of the job has seen; those of before the first are negative."""
    rest = Rest(settings)
    job_id = _running(rest)[name]
    return [
        int(mark["value"])
        for vertex in rest.get(f"/jobs/{job_id}")["vertices"]
        for mark in rest.get(f"/jobs/{job_id}/vertices/{vertex['id']}/watermarks")
    ]


def client_options(settings: Settings) -> dict[str, str]:
    """Return the options with which this process submits to the cluster; sets up the client on first use."""
    _use_client(settings)
    return {**_target(settings), "execution.attached": "false"}


def _target(settings: Settings) -> dict[str, str]:
    host, port = flink_rest(settings)
    return {"execution.target": "remote", "rest.address": host, "rest.port": str(port)}


def _use_client(settings: Settings) -> None:
    from connectors import flink_home

    flink_home.ensure()
    os.environ.update(flink_home.client_environment(settings))


def _running(rest: Rest) -> dict[str, str]:
    return {job["name"]: job["jid"] for job in rest.get("/jobs/overview")["jobs"] if job["state"] in LIVE}


def _running_ids(settings: Settings, names: Iterable[str]) -> dict[str, str]:
    running = _running(Rest(settings))
    for name in names:
        if name not in running:
            raise UserError(f"The job {name} is not running.", "See `tidemark jobs list`.")
    return running


def _records(rest: Rest, job_id: str) -> dict[str, int]:
    """Return what the sources gave and what the sinks took: numbers that Flink shows per vertex miss chained ones."""
    totals = {"records_in": 0, "records_out": 0}
    for vertex in rest.get(f"/jobs/{job_id}")["vertices"]:
        metrics = f"/jobs/{job_id}/vertices/{vertex['id']}/subtasks/metrics"
        ids = [metric["id"] for metric in rest.get(metrics)]
        into = [i for i in ids if i.startswith("Source__") and i.endswith(".numRecordsIn") and "_Calc" not in i]
        out = [i for i in ids if _WRITTEN.search(i)]
        for key, wanted in (("records_in", into), ("records_out", out)):
            if wanted:
                totals[key] += sum(int(float(m["sum"])) for m in rest.get(metrics, get=",".join(wanted), agg="sum"))
    return totals


def _await_savepoint(rest: Rest, job_id: str, trigger: str, name: str, timeout: float = 120) -> str:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        answer = rest.get(f"/jobs/{job_id}/savepoints/{trigger}")
        if answer["status"]["id"] == "COMPLETED":
            if "location" not in answer["operation"]:
                raise UserError(f"The savepoint of {name} failed.", _SUBMIT_HINT)
            return str(answer["operation"]["location"])
        time.sleep(0.2)
    raise UserError(f"The savepoint of {name} did not complete within {timeout:.0f} s.", _SUBMIT_HINT)


def _snapshot(settings: Settings, entry: Wanted | None) -> str:
    """Return the newest of: the job's own checkpoints, the snapshot it was started from."""
    if entry is None:
        return ""
    folder = settings.data_dir / "flink" / "checkpoints" / entry.id
    complete = [path.parent for path in folder.glob("chk-*/_metadata")] if entry.id else []
    newest = max(complete, key=lambda path: int(path.name.removeprefix("chk-")), default=None)
    return newest.as_uri() if newest else entry.snapshot


def _file(settings: Settings) -> Path:
    return settings.data_dir / "jobs.json"


def _read(settings: Settings) -> dict[str, Wanted]:
    try:
        return {name: Wanted(**entry) for name, entry in json.loads(_file(settings).read_text()).items()}
    except FileNotFoundError:
        return {}


def _write(settings: Settings, wanted: dict[str, Wanted]) -> None:
    new = _file(settings).with_suffix(".new")
    new.write_text(json.dumps({name: asdict(entry) for name, entry in wanted.items()}, indent=2) + "\n")
    new.replace(_file(settings))
