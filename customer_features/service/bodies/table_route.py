"""Bodies that are tables, on the contract's route: received into the spool, computed beside the worker, answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from litestar.types import HTTPScope, Receive

from customer_features.service import content
from customer_features.service.bodies import spool, tables
from customer_features.service.bodies.computing import LARGE_BODY, Computing
from customer_features.service.bodies.encodings import Unpacker
from customer_features.service.bodies.leaving import while_connected
from customer_features.service.bodies.receiving import Limits
from customer_features.service.bodies.spool import Spool
from customer_features.service.content import CUSTOMERS
from customer_features.service.replies import FileReply
from customer_features.service.settings import Settings

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
        # So that a small table waits for no large one.
        self._small = Computing(settings.memory_of_process, tables.__name__, spare=True)

    def close(self) -> None:
        """Let the processes end once their work is done."""
        self.computing.close()
        self._small.close()

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
        accept = content.best_match(scope, content.ANSWERS)
        asked = tables.parse(parameters, kind, accept, settings.timezone, settings.max_dates)
        with self._limits.holding(tenant, table=True) as share, self._spool.folder() as folder:
            body = folder / tables.BODY
            try:
                pieces = self._limits.pieces(receive, content.declared_length(scope), unpacker, table=True)
                await spool.write(share.holding(pieces), body)
            except OSError as error:
                raise spool.unkept(error) from error
            work = partial(
                tables.compute,
                str(folder),
                asked,
                memory=f"{settings.table_memory}B",
                threads=THREADS,
                vectors=settings.max_vectors,
            )
            computing = self._small if share.held <= LARGE_BODY else self.computing
            beside = computing.run(work, seconds=settings.request_timeout, tenant=tenant)
            answered = await while_connected(receive, beside)
            body.unlink()  # the answer has taken its place
            answer = Path(answered.path)
            share.settle(answer.stat().st_size)
            scope["state"][CUSTOMERS] = answered.customers
            yield answered.reply(answer)
