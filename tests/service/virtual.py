"""Time that passes when nothing else happens: the timers of an event loop, hours of them in no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Instead of waiting for a timer it lets the time pass. Where there is no timer it waits for what is to come."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(timeout if timeout is None else 0)
        if not found and timeout is not None and timeout > 0:
            self.now += timeout
        return found


class Loop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own, which begins at 0. What runs in it may wait for no thread."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """What comes of the work, and how many seconds passed meanwhile."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(work), runner.get_loop().time()


async def passing(seconds: float) -> None:
    """Let so much time pass."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over
