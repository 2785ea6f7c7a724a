"""The JVM artefacts: which files, from which coordinates, with which checksums, and how they get into `.runtime/`.

`artefacts.toml` names the roots, `artefacts.lock` every file they lead to (``set group:artifact:version sha256`` a
line). Only what the lock lists is ever fetched, and nothing is used whose SHA-256 differs from it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from tidemark.errors import UserError
from tidemark.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RUNTIME = ROOT / ".runtime"
JARS = RUNTIME / "jars"
ROOTS = Path(__file__).with_name("artefacts.toml")
LOCK = Path(__file__).with_name("artefacts.lock")

_HEADER = "# Made by `python -m connectors.artefacts --relock`: set, group:artifact:version, SHA-256 of the jar.\n"


@dataclass(frozen=True)
class Artefact:
    """One jar: the set it belongs to (a folder below ``.runtime/jars``), its coordinate, its SHA-256 in hex."""

    set_name: str
    coordinate: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where the jar lies once it is fetched."""
        _, name, version = self.coordinate.split(":")
        return JARS / self.set_name / f"{name}-{version}.jar"


def read_lock(text: str) -> list[Artefact]:
    """Return the artefacts that a lock file lists. Raises UserError on a line of another form."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != 3 or words[1].count(":") != 2 or len(words[2]) != 64:
            raise UserError(
                f"{LOCK.name} line {number} is not `set group:artifact:version sha256`.",
                "Restore the file from version control.",
            )
        found.append(Artefact(*words))
    return found


def read_roots() -> dict[str, dict[str, Any]]:
    """Return by set what ``artefacts.toml`` says: ``artefacts``, a list of coordinates, and ``transitive``."""
    roots: dict[str, dict[str, Any]] = tomllib.loads(ROOTS.read_text())
    return roots


def fetch(report: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Make sure that every artefact of the lock is in ``.runtime/jars``; return how many had to be downloaded.

    ``report(done, total)`` is called as downloads end. Files that are there already are checked by size and time
    against the last full check, and by SHA-256 where those differ. Raises UserError where a file cannot be had or is
    not the one that was pinned.
    """
    artefacts = read_lock(LOCK.read_text())
    seen = _read_stamp()
    missing = [artefact for artefact in artefacts if not _is_intact(artefact, seen)]
    if missing:
        _download(missing, report)
    _remove_strangers(artefacts)
    JARS.mkdir(parents=True, exist_ok=True)
    _stamp().write_text(json.dumps({a.sha256: _signature(a.path) for a in artefacts}))
    return len(missing)


def relock() -> list[Artefact]:
    """Resolve the roots anew, write the lock and return it. Needs the network."""
    found = []
    with tempfile.TemporaryDirectory() as cache:
        context = _context(Path(cache))
        for set_name, spec in read_roots().items():
            wanted = set()
            for root in map(context.create_dependency, spec["artefacts"]):
                wanted.add(_coordinate(root))
                if spec[
                    "transitive"
                ]:  # each root by itself: together, one root's pom would manage the other's versions
                    nodes = context.resolver.get_dependency_list([root])[1]
                    wanted |= {_coordinate(n.dep) for n in nodes if n.dep.scope in ("compile", "runtime")}
            names = [coordinate.rpartition(":")[0] for coordinate in wanted]
            if len(names) != len(set(names)):
                raise UserError(f"The set {set_name} asks for two versions of one artefact: {sorted(wanted)}.")
            for coordinate in sorted(wanted):
                jar = _resolve(context, coordinate)
                found.append(Artefact(set_name, coordinate, _sha256(jar)))
    LOCK.write_text(_HEADER + "".join(f"{a.set_name} {a.coordinate} {a.sha256}\n" for a in found))
    return found


def _context(cache: Path) -> Any:
    from jgo.maven import MavenContext  # slow to import, and not needed where nothing is to be fetched

    return MavenContext(repo_cache=cache, timeout=30)


def _coordinate(dependency: Any) -> str:
    return f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"


@retry(
    retry=retry_if_exception_type((requests.RequestException, RuntimeError)),
    stop=stop_after_attempt(3),
    wait=wait_exponential(multiplier=1, max=8),
    reraise=True,
)
def _resolve(context: Any, coordinate: str) -> Path:
    artifact = context.create_dependency(coordinate).artifact
    artifact.cached_path.unlink(missing_ok=True)  # the rest of a download that broke off
    return Path(artifact.resolve())


def _download(missing: Iterable[Artefact], report: Callable[[int, int], None]) -> None:
    missing = list(missing)
    RUNTIME.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RUNTIME, prefix="download-") as cache:
        context = _context(Path(cache))
        with ThreadPoolExecutor(max_workers=8) as pool:
            jobs = [pool.submit(_download_one, context, artefact) for artefact in missing]
            try:
                for done, job in enumerate(as_completed(jobs), 1):
                    job.result()
                    report(done, len(missing))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _download_one(context: Any, artefact: Artefact) -> None:
    try:
        jar = _resolve(context, artefact.coordinate)
    except (requests.RequestException, RuntimeError) as error:
        raise UserError(
            f"{artefact.coordinate} could not be downloaded ({type(error).__name__}).",
            "Check the network connection, or the proxy settings, and run the command again.",
        ) from error
    if _sha256(jar) != artefact.sha256:
        raise UserError(
            f"{artefact.coordinate} as downloaded has not the SHA-256 that {LOCK.name} pins; it was not used.",
            "Something between here and the repository changes files: a proxy, a mirror, or a broken download.",
        )
    artefact.path.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(jar, artefact.path)


def _stamp() -> Path:
    return JARS / ".verified.json"


def _read_stamp() -> dict[str, list[int]]:
    try:
        stamp: dict[str, list[int]] = json.loads(_stamp().read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return stamp


def _signature(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _is_intact(artefact: Artefact, seen: dict[str, list[int]]) -> bool:
    path = artefact.path
    if not path.is_file():
        return False
    return seen.get(artefact.sha256) == _signature(path) or _sha256(path) == artefact.sha256


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _remove_strangers(artefacts: Iterable[Artefact]) -> None:
    """Delete jars of an earlier lock: two versions of one library on a class path break it."""
    wanted = {artefact.path for artefact in artefacts}
    for path in JARS.glob("*/*.jar"):
        if path not in wanted:
            path.unlink()


def main(*, relock_: bool = typer.Option(False, "--relock", help="Resolve artefacts.toml anew.")) -> None:
    """Fetch the JVM artefacts that artefacts.lock pins."""
    console = Console(stderr=True)
    try:
        if relock_:
            relock()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("Downloading Kafka and the Flink connectors", total=None, visible=False)
            fetch(lambda done, total: progress.update(task, completed=done, total=total, visible=True))
    except UserError as error:
        console.print(f"{error} {error.hint}", style="red", highlight=False, soft_wrap=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    typer.run(main)
