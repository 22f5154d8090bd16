"""No test depends on the machine's speed: none sleeps, and none reads the machine's clock, but for those named here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent

CLOCKS = {
    "time": {"sleep", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"},
    "asyncio": {"sleep"},
    "anyio": {"sleep"},
}
"""What is banned, by module."""

ALLOWED: dict[str, str] = {
    "waiting.py": "the one place that waits for an event; its bound is reached only by a hang",
    "mutation/__main__.py": "bounds a mutant that hangs, and prints durations; no verdict depends on them",
    "agreement/every_door/running.py": "prints how long each door took in `make agreement`",
    "thorough/__main__.py": "prints how long each part of `make thorough` took",
    "attack/attacker.py": "peers that are slow on purpose; a bound is reached only by an answer that does not come",
    "attack/bystander.py": "prints how long answers took; likewise",
    "attack/attacks/operation.py": "`make attack` alone: whether times tell an unknown tenant from a wrong secret",
    "service/test_refusal_times.py": "thorough alone: whether times tell an unknown tenant from a wrong secret",
}
"""Files that may sleep or read a clock, each with its reason."""


def clocks_in(source: str) -> list[str]:
    """The calls and imports of a clock in a module, as ``line: name``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module in CLOCKS:
            names = {alias.name for alias in node.names} & CLOCKS[node.module]
            found += [f"{node.lineno}: {node.module}.{name}" for name in sorted(names)]
        named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if named and node.attr in CLOCKS.get(node.value.id, ()):
            found.append(f"{node.lineno}: {node.value.id}.{node.attr}")
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\ntime.sleep(1)", ["2: time.sleep"]),
        ("from time import monotonic, gmtime", ["1: time.monotonic"]),
        ("import asyncio\nasync def f():\n    await asyncio.sleep(0)", ["3: asyncio.sleep"]),
        ("from datetime import time\ntime(3).hour", []),
    ],
)
def test_clocks_are_found(source: str, found: list[str]) -> None:
    assert clocks_in(source) == found


def test_no_test_sleeps_or_reads_the_clock() -> None:
    by_file = {str(path.relative_to(HERE)): clocks_in(path.read_text("utf-8")) for path in HERE.rglob("*.py")}
    assert {file: found for file, found in by_file.items() if found and file not in ALLOWED} == {}
    assert [file for file in ALLOWED if not by_file.get(file)] == []
