"""Waiting for events: a condition that becomes true, with a bound so generous that only a hang reaches it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

BOUND = 120.0
"""Seconds after which a wait fails. No test passes or fails by how much of it is used."""
EVERY = 0.02
"""Seconds between two looks."""


def until(condition: Callable[[], T], what: str | Callable[[], str] = "the condition", bound: float = BOUND) -> T:
    """Return the condition's first true value. Raises AssertionError naming ``what`` where none came in ``bound``."""
    ends = time.monotonic() + bound
    while not (value := condition()):
        assert time.monotonic() < ends, f"{what if isinstance(what, str) else what()} did not become true"
        time.sleep(EVERY)
    return value


async def until_async(condition: Callable[[], Awaitable[T]], what: str = "the condition", bound: float = BOUND) -> T:
    """Do the same in an event loop."""
    ends = time.monotonic() + bound
    while not (value := await condition()):
        assert time.monotonic() < ends, f"{what} did not become true"
        await asyncio.sleep(EVERY)
    return value
