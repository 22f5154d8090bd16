"""Large bodies: mapped by the process that computes, which leaves the answer in the body's file.

Neither is copied on the event loop. Through the pipe comes only how long the answer is, what its headers say and how
many customers it holds.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable

from customer_features.service.bodies import shared_file
from customer_features.service.bodies.computing import Computing
from customer_features.service.bodies.shared_file import Handed, Place
from customer_features.service.bodies.spool import unkept
from customer_features.service.replies import Headers, PiecesReply

Work = Callable[[memoryview], tuple[bytes, Headers, int]]
"""A body in; the answer, its headers and how many customers it holds out. It runs in another process."""


async def answered(
    computing: Computing, work: Work, body: Handed, *, seconds: float | None = None, tenant: str
) -> tuple[PiecesReply, int]:
    """The answer, still to be read from the body's file, and how many customers it holds.

    ``seconds`` and ``tenant`` are those of ``Computing.run``, and so is what is raised.
    """
    length, headers, customers = await computing.run(_computed, work, body.place, seconds=seconds, tenant=tenant)
    return PiecesReply(body.read, length, headers=headers), customers


def _computed(work: Work, place: Place) -> tuple[int, Headers, int]:
    with shared_file.opened(place) as descriptor:
        try:
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as body:
                answer, headers, customers = work(body)
        finally:
            # Given back here rather than by the worker, whom it would keep from others for milliseconds.
            os.ftruncate(descriptor, 0)
        try:
            shared_file.write(descriptor, answer)
        except OSError as error:
            raise unkept(error) from None
    return len(answer), headers, customers
