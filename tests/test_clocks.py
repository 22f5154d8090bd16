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
    "mutation/__main__.py": "bounds a mutant that hangs and prints durations; no verdict depends on the speed of anything",
    # Not yet converted:
    "agreement/every_door/running.py": "not yet converted",
    "benchmarks/test_guard.py": "not yet converted",
    "cli/test_completion.py": "not yet converted",
    "cli/test_explore.py": "not yet converted",
    "client/scripted.py": "not yet converted",
    "client/test_retrying.py": "not yet converted",
    "database.py": "not yet converted",
    "docs/test_schedulers.py": "not yet converted",
    "engines/test_spark_cluster.py": "not yet converted",
    "fetchers/test_https.py": "not yet converted",
    "fetchers/test_s3.py": "not yet converted",
    "publishers/test_postgresql_stopped.py": "not yet converted",
    "publishers/test_s3.py": "not yet converted",
    "reliability/conftest.py": "not yet converted",
    "reliability/test_kill.py": "not yet converted",
    "reliability/test_two_writers.py": "not yet converted",
    "service/explorer/page.py": "not yet converted",
    "service/explorer/test_guarded.py": "not yet converted",
    "service/harness.py": "not yet converted",
    "service/test_authentication.py": "not yet converted",
    "service/test_computing.py": "not yet converted",
    "service/test_faults.py": "not yet converted",
    "service/test_jobs.py": "not yet converted",
    "service/test_large.py": "not yet converted",
    "service/test_limits.py": "not yet converted",
    "service/test_metrics.py": "not yet converted",
    "service/test_quotas.py": "not yet converted",
    "service/test_raw_sockets.py": "not yet converted",
    "service/test_server.py": "not yet converted",
    "service/test_taking.py": "not yet converted",
    "service/test_tls.py": "not yet converted",
    "service/test_tracing.py": "not yet converted",
    "soak/__main__.py": "not yet converted",
    "spark_cluster.py": "not yet converted",
    "test_postgresql.py": "not yet converted",
    "test_publish.py": "not yet converted",
    "web.py": "not yet converted",
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
