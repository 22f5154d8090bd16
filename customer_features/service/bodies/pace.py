"""The least pace of a peer that sends or takes bytes: time that its own bytes earn, so that no drip is waited for."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

GRACE = 15.0
"""Seconds that a peer has beside those which its bytes earn: as long as it may take over the head of a request."""


class Pace:
    """The time that a peer may take: over all pieces ``GRACE`` seconds and one for every ``rate`` bytes.

    Besides it may take ``patience`` seconds over one piece, and ``total`` over all of them. Only waiting for the peer
    counts, not what is done between two pieces. ``rated`` says whether the rate is held to, and may change.
    """

    __slots__ = ("_ends", "_last", "_loop", "_patience", "_rate", "_since", "rated")

    def __init__(self, rate: int, patience: float = math.inf, total: float = math.inf, *, rated: bool = True) -> None:
        self._rate = rate
        self.rated = rated
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._ends = self._since + GRACE
        self._last = self._since + total

    @property
    def over(self) -> bool:
        """Whether the time for all of it is over."""
        return self._loop.time() >= self._last

    def earn(self, size: int) -> None:
        """Count bytes that have come or are about to be taken."""
        self._ends += size / self._rate

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Wait within the block for the peer. Raises TimeoutError once its time is over."""
        now = self._loop.time()
        ours = now - self._since
        self._ends += ours
        self._last += ours
        ends = self._ends if self.rated else math.inf
        async with asyncio.timeout_at(min(now + self._patience, ends, self._last)):
            yield
        self._since = self._loop.time()
