"""Every test that docs/reliability.md names exists, and every test of reliability is named there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")


def named(cell: str) -> list[tuple[str, str]]:
    """The tests of one line, in order; a file is named once and holds for those that follow."""
    found: list[tuple[str, str]] = []
    file = ""
    for given, test in re.findall(r"`(?:([\w/]+\.py)::)?(test_\w+)`", cell):
        file = given or file
        assert file, f"{test} has no file"
        found.append((file, test))
    return found


NAMED = [pair for line in PAGE.splitlines() for pair in named(line)]


def defined_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_it_exists(file: str, test: str) -> None:
    assert test in defined_in(ROOT / "tests" / file)


TABLE = [
    line.strip("| ").split(" | ")
    for line in PAGE.split("## Faults")[1].split("##")[0].splitlines()
    if line.startswith("| ")
][1:]


def test_every_promise_has_a_test() -> None:
    assert len(TABLE) >= 17
    for promise, _how, tests in TABLE:
        assert named(tests), promise


def test_every_fault_to_survive_is_on_the_page() -> None:
    """By the numbers of the list that the project is held to, but for those of the service; each at one promise."""
    numbers = [int(number) for promise, *_ in TABLE for number in re.findall(r"\(fault (\d+)\)", promise)]
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15, 17]


def test_every_test_of_reliability_is_named() -> None:
    for file in sorted((ROOT / "tests" / "reliability").glob("test_*.py")):
        for test in defined_in(file):
            assert (f"reliability/{file.name}", test) in NAMED
