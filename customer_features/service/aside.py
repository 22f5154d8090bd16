"""Calls of a store on a thread of its own, so that a locked, full or damaged store never blocks the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from customer_features.service.log import LOGGER
from customer_features.service.problems import Refused

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that a request waits for its call; a call that has not begun by then is dropped."""

COMPLAIN_EVERY = 10.0
"""Seconds between two lines in the log about the same store."""

LATER = 100
"""Queued calls that no request waits for; further ones are left out."""


class Aside:
    """The thread of one store. ``name`` is what the log and the callers are told."""

    def __init__(self, name: str, patience: float = PATIENCE, ticks: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._patience = patience
        self._ticks = ticks
        self._complained = -COMPLAIN_EVERY
        self._waiting = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, call: Callable[P, T], *arguments: P.args, **more: P.kwargs) -> T:
        """Make a call and return its result. Raises Refused (503) when the store cannot be used now."""
        work = asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*arguments, **more))
        try:
            async with asyncio.timeout(self._patience):
                return await work
        except TimeoutError:
            raise self._refusal() from None
        except sqlite3.Error as error:
            self._complain(error)
            raise self._refusal() from None

    def later(self, call: Callable[P, object], *arguments: P.args, **more: P.kwargs) -> None:
        """Make a call that no request waits for; a failure is only logged."""
        if self._waiting >= LATER:
            return
        self._waiting += 1
        context = copy_context()  # with it goes the request's id, should there be something to log

        def work() -> None:
            self._waiting -= 1
            try:
                call(*arguments, **more)
            except sqlite3.Error as error:
                self._complain(error)

        self._pool.submit(context.run, work)

    def close(self) -> None:
        """End the thread after its current call; calls that wait are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _refusal(self) -> Refused:
        return Refused("overloaded", f"The {self._name} cannot be used now; try again.")

    def _complain(self, error: sqlite3.Error) -> None:
        if self._ticks() - self._complained >= COMPLAIN_EVERY:
            self._complained = self._ticks()
            fields = {"store": self._name, "reason": getattr(error, "sqlite_errorname", type(error).__name__)}
            LOGGER.error("store not usable", extra={"fields": fields})
