"""Shares: how much of a worker one tenant may hold, so that whatever it sends, others find room.

Small requests have room of their own, which large ones cannot take.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Self

from customer_features.service import problems
from customer_features.service.bodies.computing import LARGE_BODY
from customer_features.service.problems import Refused

if TYPE_CHECKING:
    from customer_features.service.bodies.shared_file import Handed

MIB = 1024 * 1024

PLACE = 16 * 1024
"""Bytes that a request counts for before its body has come: what its connection costs, more or less. It bounds how many
requests of one tenant a worker works on at a time (1,024), however small they are."""

SMALL_HELD = 64 * MIB
"""Bytes of small bodies (up to ``LARGE_BODY`` each) and of places that a worker holds."""

TENANT_SMALL = 16 * MIB
"""Bytes of them that one tenant may hold: a quarter, so that no tenant fills the room of all."""

BODIES_HELD, TENANT_BODIES = 4, 2
"""A worker holds at most as many bytes of large JSON bodies and their answers as this many of the largest, and one
tenant at most half of them."""

SPOOL_HELD, TENANT_SPOOL = 16, 4
"""Likewise of tables and their answers, which lie on the disk: one tenant at most a quarter."""


class Pool:
    """So many bytes of a worker, of which each tenant may hold a part."""

    def __init__(self, most: int, each: int) -> None:
        self._most = most
        self._each = each
        self._tenants: dict[str, int] = {}
        self.held = 0

    def take(self, tenant: str, size: int) -> None:
        """Count bytes as held. Raises Refused where the tenant (429) or the worker (503) holds too many then."""
        if self._tenants.get(tenant, 0) + size > self._each:
            raise problems.over_share(
                f"All requests of a tenant may hold {self._each:,} bytes of the server at a time; send fewer at once."
            )
        if self.held + size > self._most:
            raise Refused("overloaded", "Too many bodies are being received; try again.", close=True)
        self.add(tenant, size)

    def add(self, tenant: str, size: int) -> None:
        """Count bytes as held, be it too many; fewer than none gives bytes back."""
        self.held += size
        left = self._tenants.get(tenant, 0) + size
        if left:
            self._tenants[tenant] = left
        else:
            self._tenants.pop(tenant, None)


class Share:
    """What one request holds of its tenant's share, and the file that its body lies in once it is large."""

    __slots__ = ("_large", "_pool", "_small", "file", "held", "tenant")

    def __init__(self, tenant: str, small: Pool, large: Pool) -> None:
        self.tenant = tenant
        self._small = self._pool = small
        self._large = large
        self.file: Handed | None = None
        self.held = 0

    def __enter__(self) -> Self:
        self._small.take(self.tenant, PLACE)
        return self

    def __exit__(self, *raised: object) -> None:
        self._pool.add(self.tenant, -self.held)
        self._small.add(self.tenant, -PLACE)
        if self.file is not None:
            self.file.close()

    def hold(self, size: int) -> None:
        """Hold so many bytes more. Raises Refused (429, 503), and holds what it held then."""
        held = self.held + size
        if self._pool is self._small and held > LARGE_BODY:
            self._large.take(self.tenant, held)
            self._small.add(self.tenant, -self.held)
            self._pool = self._large
        else:
            self._pool.take(self.tenant, size)
        self.held = held

    def settle(self, size: int) -> None:
        """Hold so many bytes from now on, be it too many: an answer is there already, and a slow reader keeps it."""
        self._pool.add(self.tenant, -self.held)
        self._pool = self._large if size > LARGE_BODY else self._small
        self._pool.add(self.tenant, size)
        self.held = size

    async def holding(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same pieces, each held from when it has come. Raises Refused (429, 503)."""
        async for piece in pieces:
            self.hold(len(piece))
            yield piece
