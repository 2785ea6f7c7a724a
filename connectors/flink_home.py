"""A FLINK_HOME of our own: the Flink inside the Python package apache-flink, with the connector jars in its lib/.

The package itself is left as it was installed. Jars are linked, scripts are copied, because Flink's scripts follow
links to find their home.
"""

from __future__ import annotations

import fcntl
import importlib.util
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from connectors.artefacts import JARS, LOCK, RUNTIME
from connectors.java import java_home
from tidemark.errors import UserError
from tidemark.settings import Settings

FLINK_HOME = RUNTIME / "flink"
JAVA_SOURCES = Path(__file__).with_name("java")
JAVA_EXPORTS = "jdk.httpserver/sun.net.httpserver=ALL-UNNAMED"  # what they use of the JDK's inner parts


def ensure() -> Path:
    """Return FLINK_HOME (bin, lib, opt, plugins), made anew where the package or the connector jars have changed.

    Raises UserError where the Python package or the connector jars are missing.
    """
    RUNTIME.mkdir(parents=True, exist_ok=True)
    with (RUNTIME / "flink.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once, on a new checkout, must not both make it
        return _ensure()


def _ensure() -> Path:
    package = _package()
    sources = sorted(JAVA_SOURCES.rglob("*.java"))
    made_from = "".join(source.read_text() for source in sources)
    made_from += f"{package}\n{FLINK_HOME}\n{(package / 'version.py').read_text()}\n{LOCK.read_text()}"
    stamp = FLINK_HOME / ".made-from"
    if stamp.is_file() and stamp.read_text() == made_from:
        return FLINK_HOME
    if not (JARS / "flink-lib").is_dir():
        raise UserError("The connector jars are not there.", "Run `make up` in the checkout; it fetches them.")
    new = Path(tempfile.mkdtemp(dir=RUNTIME, prefix="flink-"))
    shutil.copytree(package / "bin", new / "bin")
    for folder, extra in (("lib", "flink-lib"), ("opt", "flink-opt")):
        (new / folder).mkdir()
        for jar in [*(package / folder).glob("*.jar"), *(JARS / extra).glob("*.jar")]:
            (new / folder / jar.name).symlink_to(jar)
    _compile(sources, new / "lib" / "tidemark.jar")
    (new / "plugins").symlink_to(package / "plugins")
    (new / stamp.name).write_text(made_from)
    new.chmod(0o755)
    if FLINK_HOME.exists():
        shutil.rmtree(FLINK_HOME)
    new.rename(FLINK_HOME)
    return FLINK_HOME


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which Flink's scripts find their home, their Java and their configuration."""
    flink = settings.data_dir / "flink"
    return {
        "JAVA_HOME": str(java_home()),
        "FLINK_HOME": str(FLINK_HOME),
        "FLINK_CONF_DIR": str(flink / "conf"),
        "FLINK_LOG_DIR": str(flink / "log"),
    }


def client_environment(settings: Settings) -> dict[str, str]:
    """Return `environment` for a client (flink, sql-client.sh, PyFlink): it lives for seconds and should start fast."""
    return {**environment(settings), "JVM_ARGS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


def _compile(sources: list[Path], jar: Path) -> None:
    """Compile our own Java (see there for what it is for) into ``jar``."""
    (compiler,) = (JARS / "build").glob("ecj-*.jar")
    with tempfile.TemporaryDirectory() as out:
        options = ["-17", "--add-exports", JAVA_EXPORTS, "-d", out]
        command = [str(java_home() / "bin" / "java"), "-jar", str(compiler), *options, *map(str, sources)]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(jar, "w") as archive:
            for file in Path(out).rglob("*.class"):
                archive.write(file, file.relative_to(out))


def _package() -> Path:
    spec = importlib.util.find_spec("pyflink")
    if spec is None or spec.origin is None:
        raise UserError("The Python package apache-flink is not installed.", "Run `make up` in the checkout.")
    return Path(spec.origin).parent
