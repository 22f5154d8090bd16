"""Turns: who waits for a place gets it in its tenant's turn, one of each tenant after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from customer_features.service import problems
from customer_features.service.problems import Refused

QUEUE = 64
"""So many large bodies may be computed or wait for it in one worker."""

TENANT_QUEUE = 16
"""So many of one tenant: a quarter, so that no tenant fills the queue of all."""


class Turns:
    """``places`` for what runs at a time, and a queue for each tenant that waits for one.

    A free place goes to the tenant that was served least lately, and within it to who came first. So whoever waits
    does so for what runs already and for one computation of each other tenant, however many of them these asked for.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._served: dict[str, int] = {}  # the number of each tenant's last turn, as long as it has something here
        self._turn = 0
        self.watch: Callable[[int], None] = lambda taken: None

    @property
    def taken(self) -> int:
        """How many run or wait."""
        return sum(self._taken.values())

    @asynccontextmanager
    async def turn(self, tenant: str) -> AsyncIterator[None]:
        """Wait for a place, and hold it within the block.

        Raises Refused at once where too many of the tenant (429) or of all tenants (503) run or wait.
        """
        own = self._taken.get(tenant, 0)
        if own >= TENANT_QUEUE:
            raise problems.over_share(
                f"{own} large bodies of this tenant are waiting to be computed, as many as one tenant may have; send"
                " fewer at a time.",
                close=False,
            )
        if self.taken >= QUEUE:
            raise Refused("overloaded", "Too many large bodies are waiting to be computed; try again.")
        self._taken[tenant] = own + 1
        self.watch(self.taken)
        try:
            await self._place(tenant)
            try:
                yield
            finally:
                self._pass_on()
        finally:
            self._leave(tenant)

    async def _place(self, tenant: str) -> None:
        if self._free:
            self._free -= 1
            self._serve(tenant)
            return
        given = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(given)
        try:
            await given
        except asyncio.CancelledError:
            if not given.cancelled():
                self._pass_on()  # the place came in the same moment
            elif given in self._waiting.get(tenant, ()):
                self._step_out(tenant, given)
            raise

    def _step_out(self, tenant: str, given: asyncio.Future[None]) -> None:
        self._waiting[tenant].remove(given)
        if not self._waiting[tenant]:
            del self._waiting[tenant]

    def _serve(self, tenant: str) -> None:
        self._turn += 1
        self._served[tenant] = self._turn

    def _pass_on(self) -> None:
        """Give a place to whose turn it is."""
        while self._waiting:
            tenant = min(self._waiting, key=lambda one: self._served.get(one, 0))
            given = self._waiting[tenant].popleft()
            if not self._waiting[tenant]:
                del self._waiting[tenant]
            if not given.cancelled():
                self._serve(tenant)
                given.set_result(None)
                return
        self._free += 1

    def _leave(self, tenant: str) -> None:
        self._taken[tenant] -= 1
        if not self._taken[tenant]:
            del self._taken[tenant]
            self._served.pop(tenant, None)
        self.watch(self.taken)
