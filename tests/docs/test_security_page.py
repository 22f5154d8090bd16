"""docs/security.md: a line for each requirement, and a test for each line."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
FOLDER = ROOT / "tests" / "service"
NUMBERED = {
    (path.name, int(number))
    for path in FOLDER.rglob("test_*.py")
    if path.parent.name != "explorer"
    for number in re.findall(r"^def test_req_(\d\d)_", path.read_text("utf-8"), re.MULTILINE)
}


def found(name: str) -> Path:
    """The module of that name, in whichever folder of the service's tests it stands."""
    [path] = [*FOLDER.glob(name)] or [*FOLDER.rglob(name)]
    return path


def test_every_requirement_has_its_line_and_the_line_its_tests() -> None:
    lines = {int(line.split("|")[1]): line for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)}
    assert list(lines) == [*range(1, 32)]
    named = {(name, number) for number, line in lines.items() for name in re.findall(r"test_\w+\.py", line)}
    assert named == NUMBERED


def test_the_tests_that_the_page_names_are_there() -> None:
    for name in re.findall(r"((?:explorer/)?test_\w+\.py)(?!::)", PAGE):
        assert found(name).exists(), name
    for name, function in re.findall(r"(test_\w+\.py)::(test_\w+)", PAGE):
        assert re.search(rf"^def {function}", found(name).read_text("utf-8"), re.MULTILINE), (name, function)
