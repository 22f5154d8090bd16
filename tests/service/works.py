"""What the tests have a process compute: functions of a module that imports next to nothing."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path


def where() -> int:
    """The process that computes."""
    return os.getpid()


def forever(begun: str) -> None:
    """Leave a file that says so, and compute until the process is ended."""
    Path(begun).touch()
    threading.Event().wait()


def take(size: int) -> int:
    """Take so many bytes of memory, all of them written to."""
    return len(b"x" * size)


def take_behind_python(size: int) -> int:
    """Take so many bytes by way of Arrow's own allocator."""
    import pyarrow as pa

    return len(pa.allocate_buffer(size))


def abort() -> None:
    """End as a library in C++ does that was refused memory."""
    signal.raise_signal(signal.SIGABRT)
