"""One contender's work in a process of its own: ``python -m benchmarks.child MODULE FUNCTION ARGUMENT...``.

Prints the seconds that the work took, imports not counted, and the bytes that the process held at its peak.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

if __name__ == "__main__":
    module, function, *arguments = sys.argv[1:]
    work = getattr(import_module(module), function)
    began = perf_counter()
    work(*arguments)
    seconds = perf_counter() - began
    # Of this program alone: what getrusage tells goes on from the process that started it.
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    print(seconds, int(peak[1]) * 1024 if peak else 0)
