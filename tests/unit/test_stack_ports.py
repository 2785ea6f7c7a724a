from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from stack import ports
from tidemark import settings as settings_module
from tidemark.endpoints import Ports
from tidemark.errors import UserError
from tidemark.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load(data_dir=tmp_path)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_was_set_and_is_taken_is_named_with_its_holder(tmp_path: Path, taken: int) -> None:
    wanted = settings_module.load(data_dir=tmp_path, postgres={"port": taken})
    with pytest.raises(UserError, match=rf"Port {taken}, .*postgres\.port.*\(process {os.getpid()}\)") as caught:
        ports.choose(wanted)
    assert "TIDEMARK_POSTGRES__PORT" in caught.value.hint


def test_a_usual_port_that_is_taken_gives_way_to_a_free_one(settings: Settings, taken: int) -> None:
    Ports(kafka=taken).write(settings)
    chosen = ports.choose(settings)
    assert chosen.kafka != taken
    assert ports.is_free(chosen.kafka)


def test_the_ports_of_last_time_are_taken_again(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    Ports(flink=free).write(settings)
    assert ports.choose(settings).flink == free


def test_no_two_parts_share_a_port_and_metrics_get_two(settings: Settings, taken: int) -> None:
    Ports(*[taken] * len(asdict(Ports()))).write(settings)
    chosen = asdict(ports.choose(settings))
    assert len({*chosen.values(), chosen["metrics"] + 1}) == len(chosen) + 1


def test_a_port_that_was_set_is_kept_from_the_other_parts(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    wanted = settings_module.load(data_dir=tmp_path, flink={"port": free})
    Ports(kafka=free).write(wanted)
    chosen = ports.choose(wanted)
    assert chosen.flink == free
    assert chosen.kafka != free
