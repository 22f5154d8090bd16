"""One contender's work in a process of its own: ``python -m benchmarks.child MODULE FUNCTION TINY SOURCE OUT ...``.

Prints, as JSON, the seconds that the work took, the processor time that it took in this process and all its children,
and the bytes that they held at their peaks. Nothing is counted before the work has been done once on a tiny source:
imports, also those that wait for the first use, and the start of engines such as Spark's.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

import psutil


def cpu_seconds() -> float:
    """User and system time of this process and its children, the living and those that have ended."""
    own = psutil.Process()
    times = [own.cpu_times(), *(child.cpu_times() for child in own.children(recursive=True))]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


def peak_bytes(process: int) -> int:
    """The most that a process held: of this program alone, where getrusage goes on from the process that started it."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def main() -> None:
    """Do the work and print what it took."""
    module, function, tiny, source, out, *arguments = sys.argv[1:]
    work = getattr(import_module(module), function)
    work(tiny, f"{out}.tiny.parquet", *arguments)
    used, began = cpu_seconds(), perf_counter()
    work(source, out, *arguments)
    seconds = perf_counter() - began
    used = cpu_seconds() - used
    everyone = [psutil.Process(), *psutil.Process().children(recursive=True)]
    peak = sum(peak_bytes(one.pid) for one in everyone)
    print(json.dumps({"seconds": seconds, "cpu_seconds": used, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
