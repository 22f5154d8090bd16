"""Large bodies are computed in processes of their own, so that the small ones go on being answered meanwhile.

On a thread they would take turns with the event loop a few milliseconds at a time; on one core for each there are no
turns to take. The processes begin with the first large body.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from customer_features.service.log import LOGGER
from customer_features.service.problems import Refused

T = TypeVar("T")

LARGE_BODY = 256 * 1024
"""A body above this is computed in another process."""

QUEUE = 16
"""So many large bodies may be computed or wait for it in one worker."""

PROCESSES = 1
"""Of one worker: there are as many workers as an operator wants cores to be busy."""


class Computing:
    """The processes of one worker, and how many bodies wait for them."""

    def __init__(self, processes: int = PROCESSES) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None
        self.waiting = 0
        self.watch: Callable[[int], None] = lambda waiting: None

    def close(self) -> None:
        """Let the processes end once their work is done."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """``work(*arguments)`` in another process. Raises Refused (503) where too many wait, and what that raises."""
        if self.waiting >= QUEUE:
            raise Refused("overloaded", "Too many large bodies are waiting to be computed; try again.")
        self.waiting += 1
        self.watch(self.waiting)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._ready(), work, *arguments)
        except BrokenProcessPool:
            # Killed from outside, for want of memory as like as not. The next body gets new processes.
            LOGGER.error("a process that computes large bodies was lost")
            self._pool = None
            raise Refused("overloaded", "The computation was lost; try again.") from None
        finally:
            self.waiting -= 1
            self.watch(self.waiting)

    def _ready(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes, multiprocessing.get_context("spawn"), _begin, (os.getpid(),)
            )
        return self._pool


def _begin(parent: int) -> None:
    """Runs first in the other process: signals to stop are the worker's business, and it ends with the worker."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.nice(10)  # so that small requests come first where cores are few
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
