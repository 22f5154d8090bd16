"""The explorer of one worker: its datasets, what it computes, its routes, and who may ask."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from litestar.handlers import HTTPRouteHandler

from customer_features.service.content import header_values
from customer_features.service.explorer.datasets import TENANT_FILES, TENANT_HELD, Datasets
from customer_features.service.explorer.tasks import Runs
from customer_features.service.explorer.views import handlers
from customer_features.service.problems import Refused
from customer_features.service.route import Route, tenant_of
from customer_features.service.settings import Settings, is_loopback

SWEEP = 60.0
"""Seconds between two looks for datasets that nobody looks at any more."""


class Explorer:
    """Made where the settings ask for it."""

    def __init__(self, settings: Settings, route: Route) -> None:
        # Without credentials there is one tenant, who may have all there is.
        each, disk = (TENANT_HELD, TENANT_FILES * settings.explorer_max) if settings.auth else (None, None)
        self.datasets = Datasets(settings.data_dir, each=each, disk=disk)
        self.runs = Runs(settings)
        self._settings = settings
        self._route = route
        self._sweeper: asyncio.Task[None] | None = None

    def handlers(self) -> Sequence[HTTPRouteHandler]:
        """The routes."""
        return handlers(self._settings, self.datasets, self.runs, self.admit)

    async def admit(self, scope: Any) -> str:
        """Whose a request is. Raises Refused (401, 429, 503; 400 for a host that is not this machine's)."""
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        if not self._settings.auth:
            _refuse_rebound(scope)
        await self._route.admit(scope)
        return tenant_of(scope)

    async def close(self) -> None:
        """Let what computes end."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        await self.runs.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            await asyncio.to_thread(self.datasets.sweep)


def _refuse_rebound(scope: Any) -> None:
    """Refuse a name that another site gave this machine's address, to read in a visitor's browser what is here."""
    host = next(iter(header_values(scope, b"host")), "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    name = name.strip("[]")
    with suppress(ValueError):
        ipaddress.ip_address(name)
        if is_loopback([name]):
            return
    if name.lower() != "localhost" and not name.lower().endswith(".localhost"):
        raise Refused("bad-request", "Without credentials the explorer is asked as localhost or 127.0.0.1 alone.")
