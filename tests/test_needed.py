"""What the tests need: `make tools` brings it, the tests ask for it by name and install nothing."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.installed import installed, prepared
from tools import needed
from tools.needed import ENVIRONMENTS, TOOLS, Environment, Tool

INSTALLERS = {"apt-get", "pip", "venv", "ensurepip"}
"""Words of a command that installs something."""


def trees(*words: str) -> Iterator[tuple[str, ast.AST]]:
    """The syntax of each other file of tests and benchmarks that holds one of the words."""
    for folder in ("tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text("utf-8")
            if path != Path(__file__) and any(word in text for word in words):
                yield str(path.relative_to(ROOT)), ast.parse(text)


def asked_for(function: str) -> set[str]:
    """The names with which tests and benchmarks call a function of tests/installed.py."""
    return {
        argument.value
        for _, tree in trees(f"{function}(")
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == function
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }


def test_the_tables_hold_what_is_asked_for_and_nothing_else() -> None:
    assert asked_for("installed") == TOOLS.keys()
    assert asked_for("prepared") == ENVIRONMENTS.keys()


def test_nothing_installs_by_itself() -> None:
    found = [
        f"{name}:{word.lineno}"
        for name, tree in trees(*INSTALLERS)
        for command in ast.walk(tree)
        if isinstance(command, ast.List)
        for word in command.elts
        if isinstance(word, ast.Constant) and word.value in INSTALLERS
    ]
    assert found == []


@pytest.fixture
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def lacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine and a checkout without anything."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(needed, "ENVIRONMENTS_FOLDER", tmp_path / "environments")


@pytest.mark.usefixtures("lacking")
@pytest.mark.parametrize(("ask", "name"), [(installed, "zsh"), (prepared, "dbt")])
def test_what_is_missing_fails_in_ci_and_skips_elsewhere(
    ask: Callable[[str], object], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = rf"{name}\b.* missing .*: run `make tools`|{name}, .* is missing: run `make tools`"
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=says):
        ask(name)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=says):
        ask(name)


class Machine:
    """Stands in for the package manager and uv: what it is told to install is there afterwards."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.ran: list[list[str]] = []
        self.refused: set[str] = set()

    def has(self, *programs: str) -> None:
        for program in programs:
            (self.bin / program).write_text("#!/bin/sh\n")
            (self.bin / program).chmod(0o755)

    def run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        name, *words = command
        if name == "apt-get":
            self.ran.append([word for word in words if not word.startswith("-") and "::" not in word])
            if wrong := self.refused & set(words):
                return subprocess.CompletedProcess(command, 100, "", f"E: Unable to locate package {wrong}\n")
            self.has(*(tool.name for tool in TOOLS.values() if tool.package in words))
        elif words[0] == "venv":
            self.ran.append([words[0], Path(words[-1]).name])
            Path(words[-1], "bin").mkdir(parents=True, exist_ok=True)
        else:
            self.ran.append(words[:2])
            if "tests/two.txt" in self.refused & set(words):
                return subprocess.CompletedProcess(command, 1, "", "no solution found\n")
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine of root's, with apt-get and nothing else, on which three tools and two environments are needed."""
    made = Machine(tmp_path)
    made.has("apt-get")
    (tmp_path / "tests").mkdir()
    for name in ("one", "two"):
        (tmp_path / "tests" / f"{name}.txt").write_text("click==8.5.1\n")
    tools = [
        Tool("a", "has-a", "which does a"),
        Tool("b", "has-b-and-c", "which does b", ("b2",)),
        Tool("c", "has-b-and-c", "c"),
    ]
    environments = [
        Environment(name, f"{name} is apart", ("--requirements", f"tests/{name}.txt")) for name in ("one", "two")
    ]
    monkeypatch.setenv("PATH", str(made.bin))
    monkeypatch.setattr(needed, "ROOT", tmp_path)
    monkeypatch.setattr(needed, "ENVIRONMENTS_FOLDER", tmp_path / "build" / "environments")
    for table, entries in ((TOOLS, tools), (ENVIRONMENTS, environments)):
        for name in list(table):
            monkeypatch.delitem(table, name)
        for entry in entries:
            monkeypatch.setitem(table, entry.name, entry)  # type: ignore[call-overload]
    monkeypatch.setattr(needed.subprocess, "run", made.run)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return made


def test_what_is_missing_is_brought_once(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.has("a")
    assert needed.main() == 0
    assert machine.ran == [
        ["update"],
        ["install", "has-b-and-c"],
        *(["venv", "one"], ["pip", "install"], ["venv", "two"], ["pip", "install"]),
    ]
    said = capsys.readouterr().out
    assert f"{'a':26}here: {machine.bin}/a\n" in said
    assert f"{'b':26}installed: {machine.bin}/b\n" in said
    assert "environment two           made: build/environments/two\n" in said
    assert said.endswith("All that the tests need is here.\n")

    machine.ran.clear()
    assert needed.main() == 0
    assert machine.ran == []
    said = capsys.readouterr().out
    assert said.count(" here: ") == 5
    assert said.count("\n") == 6


def test_another_name_of_a_program_will_do(machine: Machine) -> None:
    machine.has("a", "b2", "c")
    needed.main()
    assert ["update"] not in machine.ran
    assert installed("b") == str(machine.bin / "b2")


def test_an_environment_is_made_anew_when_its_requirements_change(machine: Machine, tmp_path: Path) -> None:
    needed.main()
    machine.ran.clear()
    (tmp_path / "tests" / "two.txt").write_text("click==8.5.2\n")
    assert prepared("one") == tmp_path / "build" / "environments" / "one"
    assert not ENVIRONMENTS["two"].ready()
    needed.main()
    assert machine.ran == [["venv", "two"], ["pip", "install"]]
    assert ENVIRONMENTS["two"].ready()


def test_a_package_that_there_is_not_takes_no_other_with_it(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.refused |= {"has-a"}
    assert needed.main() == 1
    assert ["install", "has-b-and-c"] in machine.ran
    said = capsys.readouterr().out
    assert f"{'a':26}MISSING: which does a\n" in said
    assert "skipped, and fail in CI: a.\n" in said
    assert "apt-get did not bring them. By hand: sudo apt-get install --no-install-recommends has-a\n" in said


def test_an_environment_that_cannot_be_made_is_not_taken_for_one(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.refused |= {"tests/two.txt"}
    assert needed.main() == 1
    said = capsys.readouterr()
    assert "no solution found\n" in said.err
    assert "skipped, and fail in CI: environment two.\n" in said.out
    assert [one.name for one in ENVIRONMENTS.values() if one.ready()] == ["one"]


@pytest.mark.parametrize("lacks", ["root", "apt-get"])
def test_without_root_or_apt_get_it_says_what_to_run(
    lacks: str, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if lacks == "root":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    else:
        (machine.bin / "apt-get").unlink()
    assert needed.main() == 1
    assert not [command for command in machine.ran if command[0] in ("update", "install")]
    said = capsys.readouterr().out
    assert said.endswith(
        "The tests that need these are skipped, and fail in CI: a, b, c.\n"
        "The programs: installing programs takes root and apt-get. "
        "By hand: sudo apt-get install --no-install-recommends has-a has-b-and-c\n"
    )
    assert all(environment.ready() for environment in ENVIRONMENTS.values())
