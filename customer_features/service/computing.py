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
from customer_features.service.turns import Turns

T = TypeVar("T")

LARGE_BODY = 256 * 1024
"""A body above this is computed in another process."""

PROCESSES = 1
"""Of one worker: there are as many workers as an operator wants cores to be busy."""


class Computing:
    """The processes of one worker, and the turns in which tenants get them."""

    def __init__(self, processes: int = PROCESSES) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None
        self.turns = Turns(processes)

    def close(self) -> None:
        """Let the processes end once their work is done."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    async def run(self, work: Callable[..., T], *arguments: Any, tenant: str) -> T:
        """``work(*arguments)`` in another process, in the tenant's turn.

        Raises Refused (429, 503) where too many wait, and what ``work`` raises.
        """
        async with self.turns.turn(tenant):
            try:
                return await asyncio.get_running_loop().run_in_executor(self._ready(), work, *arguments)
            except BrokenProcessPool:
                # Killed from outside, for want of memory as like as not. The next body gets new processes.
                LOGGER.error("a process that computes large bodies was lost")
                self._pool = None
                raise Refused("overloaded", "The computation was lost; try again.") from None

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
