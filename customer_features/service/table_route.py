"""Bodies that are tables, on the contract's route: received into the spool, computed beside the worker, answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from litestar.types import HTTPScope, Receive

from customer_features.service import content, spool, tables
from customer_features.service.computing import Computing
from customer_features.service.encodings import Unpacker
from customer_features.service.leaving import while_connected
from customer_features.service.limits import Limits
from customer_features.service.replies import FileReply
from customer_features.service.route import CUSTOMERS
from customer_features.service.settings import Settings
from customer_features.service.spool import Spool

THREADS = 1
"""Of one computation: other requests want the cores as well."""


class TableRoute:
    """The part of the route that takes tables, in one worker."""

    kinds = tuple(tables.KINDS)

    def __init__(self, settings: Settings, limits: Limits, kept: Spool) -> None:
        self._settings = settings
        self._limits = limits
        self._spool = kept
        self.computing = Computing(settings.memory_of_process, tables.__name__)

    def close(self) -> None:
        """Let the processes end once their work is done."""
        self.computing.close()

    @asynccontextmanager
    async def answering(
        self,
        scope: HTTPScope,
        receive: Receive,
        kind: str,
        unpacker: Unpacker,
        parameters: Sequence[tuple[str, str]],
        tenant: str,
    ) -> AsyncIterator[FileReply]:
        """The answer as a file, which is gone afterwards. Raises Refused."""
        settings = self._settings
        asked = tables.parse(parameters, kind, content.best_match(scope, content.ANSWERS), settings.timezone)
        with self._spool.folder() as folder:
            try:
                pieces = self._limits.pieces(receive, content.declared_length(scope), unpacker, table=True)
                await spool.write(pieces, folder / tables.BODY)
            except OSError as error:
                raise spool.unkept(error) from error
            work = partial(tables.compute, str(folder), asked, memory=f"{settings.table_memory}B", threads=THREADS)
            beside = self.computing.run(work, seconds=settings.request_timeout, tenant=tenant)
            answered = await while_connected(receive, beside)
            scope["state"][CUSTOMERS] = answered.customers
            yield answered.reply(Path(answered.path))
