"""Computing beside the worker: large bodies run in a process of their own, so that small ones are answered meanwhile.

A process is ended at the deadline, when its client leaves and when its job is cancelled. It serves one tenant: before
another tenant's body comes, a fresh process takes its place.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any, TypeVar

from customer_features.service.bodies.processes import Lost, Outcome, Process, too_much_memory
from customer_features.service.bodies.turns import Turns
from customer_features.service.log import LOGGER
from customer_features.service.problems import Refused

T = TypeVar("T")

LARGE_BODY = 256 * 1024
"""A body above this is computed in another process."""

ROWS_ENGINE = "customer_features.engines.rows.engine"
"""What a process imports ahead of JSON bodies."""


class Computing:
    """One process of a worker at a time, and the turns in which tenants get it.

    ``memory`` limits each process in bytes; ``warm`` names the module that each imports ahead of its work; ``spare``:
    once a process was replaced, keep the next one ready, which costs its memory.
    """

    def __init__(self, memory: int | None = None, warm: str = ROWS_ENGINE, *, spare: bool = False) -> None:
        self.turns = Turns(1)
        self._memory = memory
        self._warm = warm
        self._sparing = spare
        self._current: Process | None = None
        self._spare: Process | None = None
        self._replacing = False
        self._closed = False

    def close(self) -> None:
        """End the processes; one that computes ends with its work."""
        self._closed = True
        if not self.turns.taken:
            self._drop(self._current)
        self._drop(self._spare)

    async def run(self, work: Callable[..., T], *arguments: Any, seconds: float | None = None, tenant: str) -> T:
        """Compute ``work(*arguments)`` in another process, in the tenant's turn; cancelling this ends that process.

        ``seconds`` count from its turn on, once its process is ready. Raises Refused: 413 (memory), 429 and 503 (too
        many wait), 503 (time, lost); and what ``work`` raises.
        """
        async with self.turns.turn(tenant):
            return await self._computed(work, arguments, seconds, tenant)

    async def _computed(
        self, work: Callable[..., T], arguments: tuple[Any, ...], seconds: float | None, tenant: str
    ) -> T:
        try:
            process = await self._process_of(tenant)
            await process.ready()
            outcome = await self._answer_of(process, work, arguments, seconds)
        except Lost as lost:
            if lost.code == -signal.SIGABRT:  # how a library ends that was refused memory and cannot say so
                raise too_much_memory(self._memory) from None
            LOGGER.error("a process that computes large bodies was lost")
            raise Refused("overloaded", "The computation was lost; try again.") from None
        result: T = outcome.result()
        return result

    async def _answer_of(
        self, process: Process, work: Callable[..., T], arguments: tuple[Any, ...], seconds: float | None
    ) -> Outcome:
        """Ask a process, and end it unless it answers in time and with its memory in order."""
        reusable = False
        try:
            async with asyncio.timeout(seconds):
                outcome = await process.ask(work, arguments)
            reusable = not (outcome.exhausted or self._closed)
        except TimeoutError:
            said = f"The computation took longer than {seconds:g} seconds; nothing was kept."
            raise Refused("timed-out", said) from None
        finally:
            if not reusable:
                self._drop(process)
        return outcome

    async def _process_of(self, tenant: str) -> Process:
        """Return the process that serves this tenant's bodies, or a fresh one."""
        current = self._current
        if current is not None and current.alive and current.owner == tenant:
            return current
        self._drop(current)
        fresh, self._spare = self._spare, None
        if fresh is None or not fresh.alive:
            fresh = await asyncio.to_thread(Process, self._memory, self._warm)
        self._current, fresh.owner = fresh, tenant
        if self._sparing and self._replacing:  # it will be replaced again: the next one imports its modules meanwhile
            self._spare = await asyncio.to_thread(Process, self._memory, self._warm)
        self._replacing = True
        return fresh

    def _drop(self, process: Process | None) -> None:
        if process is None:
            return
        process.end()
        if process is self._current:
            self._current = None
        if process is self._spare:
            self._spare = None
