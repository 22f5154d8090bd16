"""What the server's processes hold meanwhile: memory, disk, and whether they still work when everybody has left."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from tests.service.harness import Running

MIB = 2**20
MEMORY = 2048 * MIB
"""Bytes that all processes of the server may hold together: one that computes at its own limit of a gigabyte, the
others at rest at some 100 MiB each, and large bodies that are being received."""
DISK = 512 * MIB
"""Bytes that the data folder may take more than before."""
DEADLY = 3 * MEMORY // 2
"""The server is killed beyond this, so that an attack that succeeds leaves the machine usable."""
EVERY = 0.1
SETTLES = 20.0
"""Seconds within which the server is at rest again once its clients have left."""
BUSY = 0.1
"""Share of a core below which it counts as at rest."""


class Watcher:
    """Looks at the server every tenth of a second, between the beginning and the end of a ``with`` block."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._disk_before = disk(server.folder)
        self.memory = 0
        self.disk = 0
        self.killed = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY):
            self.memory = max(self.memory, sum(map(held, processes(self._server))))
            self.disk = max(self.disk, disk(self._server.folder) - self._disk_before)
            if self.memory > DEADLY and not self.killed:
                self.killed = True
                with suppress(ProcessLookupError):
                    os.killpg(self._server.process.pid, signal.SIGKILL)

    def faults(self) -> Iterator[str]:
        """What was beyond its bound."""
        if self.memory > MEMORY:
            ended = ", and were killed" if self.killed else ""
            yield f"the processes held {self.memory // MIB:,} MiB{ended}; allowed are {MEMORY // MIB:,} MiB"
        if self.disk > DISK:
            yield f"the data folder took {self.disk // MIB:,} MiB; allowed are {DISK // MIB:,} MiB"


def processes(server: Running) -> list[psutil.Process]:
    """The server, its workers, and what computes for them."""
    found, waiting = [], [server.process.pid]
    while waiting:
        number = waiting.pop()
        with suppress(psutil.Error, OSError):
            found.append(psutil.Process(number))
            # By the children of every thread: psutil would look through all processes of the machine for them.
            for listed in Path(f"/proc/{number}/task").glob("*/children"):
                waiting += map(int, listed.read_text().split())
    return found


def held(process: psutil.Process) -> int:
    """Bytes of a process that it shares with nobody."""
    with suppress(psutil.Error):
        told = process.memory_info()
        return int(told.rss - told.shared)
    return 0


def disk(folder: Path) -> int:
    """Bytes that the files below a folder take."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(root) / name).lstat().st_blocks * 512
    return total


def spent(server: Running) -> float:
    """Seconds of processor time of all processes that live."""
    total = 0.0
    for process in processes(server):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def settles(server: Running) -> bool:
    """Whether the server comes to rest within its time, which nobody's request prolongs any more."""
    pause = threading.Event()
    before = spent(server)
    for _ in range(int(SETTLES)):
        pause.wait(1.0)
        now = spent(server)
        if now - before < BUSY:
            return True
        before = now
    return False
