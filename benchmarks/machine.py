"""The machine, the versions and the load that a run was measured with."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.results import Run

LIBRARIES = (
    "chdb-core",
    "duckdb",
    "fastapi",
    "granian",
    "lifetimes",
    "litestar",
    "msgspec",
    "numpy",
    "orjson",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "pyspark",
    "uvicorn",
)

_TOLD_APART = {"family": "cpu family", "model": "model", "cache": "cache size"}


def run() -> Run:
    """What is recorded beside the measurements of a run."""
    return Run(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(),
        versions=versions(),
        load_average=[round(load, 2) for load in os.getloadavg()],
    )


def machine() -> dict[str, str]:
    """Cores that this process may use, memory, architecture, processor and kernel."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": str(cores),
        "memory": f"{memory / 2**30:.0f} GiB",
        "architecture": platform.machine(),
        "processor": processor(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def processor() -> str:
    """The processor's name, as Linux tells it, and what tells apart those that a cloud gives the same name."""
    found: dict[str, str] = {}
    with suppress(OSError):
        for name, _, value in (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()):
            found.setdefault(name.strip(), value.strip())
    model = found.get("model name") or platform.processor() or "unknown"
    more = ", ".join(f"{name} {found[key]}" for name, key in _TOLD_APART.items() if found.get(key))
    return f"{model} ({more})" if more else model


def versions() -> dict[str, str]:
    """Versions of the libraries that take part; those that are not installed are left out."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
