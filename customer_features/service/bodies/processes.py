"""A process beside the worker: it computes one thing at a time, within a memory limit, until the worker ends it.

The standard library's pool cannot end one of its processes, which is the only way to stop native code that decodes or
parses. This is the rest of such a pool: a spawned process, a pipe and a thread that waits for the answer.
"""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import multiprocessing.util
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from customer_features.service.problems import Refused

_SPAWN = multiprocessing.get_context("spawn")
_NICE = 10
"""Added to the niceness of a process, so that small requests come first where cores are few."""


class Lost(Exception):
    """The process ended before it answered. ``code`` is its exit code, negative for a signal."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class Outcome(NamedTuple):
    """What a process sends back: a value or an exception, and whether its memory ran out on the way."""

    value: Any
    error: BaseException | None = None
    exhausted: bool = False

    def result(self) -> Any:
        """Return the value, or raise the exception."""
        if self.error is not None:
            raise self.error
        return self.value


class Process:
    """One process. ``owner`` is the tenant whose data it has held; None as long as it has held none."""

    def __init__(self, memory: int | None, warm: str) -> None:
        """Start it, which blocks for some milliseconds; it imports the module ``warm`` on its own time."""
        self.owner: str | None = None
        self._connection, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(theirs, os.getpid(), memory, warm), daemon=True)
        self._process.start()
        theirs.close()
        self._thread = ThreadPoolExecutor(1)
        self._starting = self._thread.submit(self._receive)
        # A worker that ends without closing would otherwise wait for a process that ignores SIGTERM.
        self._kill = multiprocessing.util.Finalize(self, self._process.kill, exitpriority=1)

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.exitcode is None

    async def ready(self) -> None:
        """Wait until it has imported what it needs. Raises Lost."""
        await asyncio.shield(asyncio.wrap_future(self._starting))

    async def ask(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
        """Compute ``work(*arguments)`` in the process. Raises Lost."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._exchange, work, arguments)

    def _exchange(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
        with suppress(OSError):  # it has ended, which is found when nothing is received
            self._connection.send((work, arguments))
        outcome: Outcome = self._receive()
        return outcome

    def _receive(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            raise Lost(self._process.exitcode) from None

    def end(self) -> None:
        """Kill it, whatever it does; returns at once."""
        self._kill()
        self._thread.submit(self._reap)
        self._thread.shutdown(wait=False)

    def _reap(self) -> None:
        self._process.join()
        self._connection.close()


def _serve(connection: Connection, parent: int, memory: int | None, warm: str) -> None:
    """Compute what comes through the connection until it closes; the other process runs this."""
    # Signals to stop are the worker's business: it finishes what is in flight.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICE)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    # Arrow's own allocator takes a gigabyte at a time, which the memory limit would count.
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    importlib.import_module(warm)
    if memory is not None:
        limit_memory(memory)
    connection.send(None)  # ready
    while True:
        try:
            work, arguments = connection.recv()
        except EOFError:
            return
        outcome = _outcome(work, arguments, memory)
        try:
            connection.send(outcome)
        except MemoryError:
            connection.send(Outcome(None, too_much_memory(memory), exhausted=True))
        except (pickle.PicklingError, TypeError, AttributeError):
            kind = type(outcome.error or outcome.value).__name__
            connection.send(Outcome(None, RuntimeError(f"{kind} cannot be sent between processes")))


def limit_memory(size: int) -> None:
    """Limit this process to ``size`` bytes of private memory; more is refused by the system.

    RLIMIT_DATA counts what is written to. RLIMIT_AS would also count what allocators merely reserve, and files mapped
    to be read. Only Linux counts mapped memory so.
    """
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _outcome(work: Callable[..., Any], arguments: tuple[Any, ...], memory: int | None) -> Outcome:
    try:
        return Outcome(work(*arguments))
    except MemoryError:
        return Outcome(None, too_much_memory(memory), exhausted=True)
    except BaseException as error:  # whatever it is, it is the worker's to answer
        return Outcome(None, error)


def too_much_memory(memory: int | None) -> Refused:
    """Return the refusal of a body whose computation passed the memory limit."""
    most = f"the {memory:,} bytes" if memory is not None else "the memory"
    return Refused("body-too-large", f"The body needs more memory than {most} of one computation; send it in parts.")


def _end_with(parent: int) -> None:
    """End this process when the worker is gone, also in the middle of a computation."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
