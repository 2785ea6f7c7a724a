from __future__ import annotations

import configparser
import json
import os
import re
from pathlib import Path

import pytest

from stack import config
from stack.config import Layout
from tidemark import settings as settings_module
from tidemark.endpoints import Ports

PORTS = Ports(kafka=19092, kafka_controller=19093, postgres=15432, flink=18081, flink_rpc=16123, metrics=19249)


def flink_values(data_dir: Path, **overrides: object) -> dict[str, object]:
    settings = settings_module.load(data_dir=data_dir, **overrides)
    text = config.render(settings, PORTS)[Layout(settings.data_dir).flink_conf / "config.yaml"]
    return {name: json.loads(value) for name, value in (line.split(": ", 1) for line in text.splitlines())}


def test_everything_listens_on_the_loopback_interface_only(tmp_path: Path) -> None:
    files = config.render(settings_module.load(data_dir=tmp_path), PORTS)
    text = "\n".join(files.values())
    addresses = set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text))
    assert addresses == {"127.0.0.1"}
    values = flink_values(tmp_path)
    for name in ("jobmanager.bind-host", "taskmanager.bind-host", "rest.bind-address", "taskmanager.host"):
        assert values[name] == "127.0.0.1"
    assert "LoopbackHttpServerProvider" in str(values["env.java.opts.all"])


def test_no_password_is_in_any_configuration(tmp_path: Path) -> None:
    secret = "hunter2-and-a-half"
    settings = settings_module.load(data_dir=tmp_path, postgres={"writer_password": secret, "reader_password": secret})
    assert not any(secret in text for text in config.render(settings, PORTS).values())


def test_flink_follows_the_settings(tmp_path: Path) -> None:
    values = flink_values(tmp_path, flink={"slots": 3, "taskmanager_memory": "2g", "jobmanager_memory": "1g"})
    assert values["taskmanager.numberOfTaskSlots"] == 3
    assert values["taskmanager.memory.process.size"] == "2g"
    assert values["jobmanager.memory.process.size"] == "1g"
    assert values["rest.port"] == PORTS.flink
    assert "-Duser.timezone=UTC" in str(values["env.java.opts.all"])


def test_supervisord_reads_what_is_written_even_with_awkward_characters(tmp_path: Path) -> None:
    settings = settings_module.load(data_dir=tmp_path / "50% of it")
    text = config.render(settings, PORTS)[Layout(settings.data_dir).supervisord_conf]
    parser = configparser.ConfigParser()
    parser.read_string(text)
    assert [s for s in parser.sections() if s.startswith("program:")] == [
        "program:kafka",
        "program:postgres",
        "program:jobmanager",
        "program:taskmanager",
        "program:maintenance",
        "program:api",
    ]
    assert str(settings.data_dir / "kafka" / "server.properties") in parser["program:kafka"]["command"]
    assert parser["program:postgres"]["stopsignal"] == "INT"


def test_parts_that_are_elsewhere_are_not_run(tmp_path: Path) -> None:
    settings = settings_module.load(
        data_dir=tmp_path, kafka={"bootstrap": "broker:9092"}, flink={"rest": "cluster:8081"}
    )
    assert config.parts(settings) == ["postgres", "maintenance", "api"]


def test_the_socket_has_a_short_path_wherever_the_data_are(tmp_path: Path) -> None:
    near = Layout(Path("/srv/tidemark"))
    assert near.socket == Path("/srv/tidemark/supervisor.sock")
    far = Layout(tmp_path / ("deep/" * 30))
    other = Layout(tmp_path / ("deep/" * 31))
    assert len(os.fsencode(far.socket)) < 90
    assert far.socket != other.socket
    assert str(os.getuid()) in far.socket.parent.name


@pytest.mark.parametrize("part", ["kafka", "postgres", "jobmanager", "taskmanager", "maintenance", "api"])
def test_each_part_has_a_log_that_is_rotated(tmp_path: Path, part: str) -> None:
    settings = settings_module.load(data_dir=tmp_path)
    parser = configparser.ConfigParser()
    parser.read_string(config.render(settings, PORTS)[Layout(settings.data_dir).supervisord_conf])
    section = parser[f"program:{part}"]
    assert section["stdout_logfile"] == f"logs/{part}.log"
    assert section["stdout_logfile_maxbytes"] == "20MB"
