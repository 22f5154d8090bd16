"""One contender's work in a process of its own: ``python -m benchmarks.child MODULE FUNCTION ARGUMENT...``.

Prints the seconds that the work took, imports not counted.
"""

from __future__ import annotations

import sys
from importlib import import_module
from time import perf_counter

if __name__ == "__main__":
    module, function, *arguments = sys.argv[1:]
    work = getattr(import_module(module), function)
    began = perf_counter()
    work(*arguments)
    print(perf_counter() - began)
