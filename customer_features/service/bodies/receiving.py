"""What a request may cost while it arrives: bytes as received, bytes unpacked, and seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from litestar.types import Receive

from customer_features.service.bodies import shared_file
from customer_features.service.bodies.computing import LARGE_BODY
from customer_features.service.bodies.encodings import Plain, Unpacker
from customer_features.service.bodies.pace import Pace
from customer_features.service.bodies.shared_file import Handed
from customer_features.service.bodies.shares import (
    BODIES_HELD,
    SMALL_HELD,
    SPOOL_HELD,
    TENANT_BODIES,
    TENANT_SMALL,
    TENANT_SPOOL,
    Pool,
    Share,
)
from customer_features.service.bodies.spool import Spool
from customer_features.service.problems import Refused
from customer_features.service.replies import PIECE
from customer_features.service.settings import Settings

LINGER_BYTES = 64 * 1024 * 1024
LINGER_SECONDS = 2.0

_Piece = tuple[bytes, bool]
"""Some bytes as they were received, and whether more come."""


class Limits:
    """The limits of one worker, and what is in use of them."""

    def __init__(self, settings: Settings) -> None:
        self.max_body = settings.max_body
        self.max_unpacked = settings.largest_unpacked
        self.max_table = settings.largest_table
        self.request_timeout = settings.request_timeout
        self._min_rate = settings.min_rate
        self._spool = None if shared_file.in_memory() else Spool(settings.data_dir)
        document, table = max(self.max_body, self.max_unpacked), max(self.max_table, self.max_unpacked)
        self.small = Pool(SMALL_HELD, TENANT_SMALL)
        self.large = Pool(BODIES_HELD * document, TENANT_BODIES * document)
        self.spooled = Pool(SPOOL_HELD * table, TENANT_SPOOL * table)

    def holding(self, tenant: str, *, table: bool = False) -> Share:
        """Account for a request of a tenant; what it holds is given back at the end of the ``with`` block.

        The block begins with Refused (429, 503) where the tenant, or all of them, have too many requests.
        """
        return Share(tenant, self.small, self.spooled if table else self.large)

    async def read(
        self, receive: Receive, declared: int | None, share: Share, unpacker: Unpacker | None = None
    ) -> bytes | Handed:
        """The request's body, unpacked: where it is large, in a file of the share's.

        Raises Refused (400, 408, 413, 429, 503).
        """
        if declared is not None and declared > self.max_body:
            raise _too_large(self.max_body, f"{declared} bytes were announced")
        try:
            # One timer for the whole body: one for each piece would take as long as computing some customers does.
            async with asyncio.timeout(self.request_timeout):
                return await self._read(receive, share, unpacker or Plain())
        except TimeoutError:
            raise self._late() from None

    async def _read(self, receive: Receive, share: Share, unpacker: Unpacker) -> bytes | Handed:
        pieces: list[bytes] = []
        begun = None
        if isinstance(unpacker, Plain):
            # The most frequent bodies, without the detour that the others take.
            more, size, small = True, 0, min(LARGE_BODY, self.max_body)
            while more and size <= small:
                piece, more = await _next(receive)
                share.hold(len(piece))
                size += len(piece)
                pieces.append(piece)
            if size <= small:
                return b"".join(pieces)
            begun = b"".join(pieces), more
            pieces.clear()
            share.settle(share.held - size)  # it is held again below
        # Here a timer for each piece is worth its time.
        pace = Pace(self._min_rate, rated=False)
        async for piece in self._pieces(receive, pace, self.max_body, self.max_unpacked, unpacker, begun):
            share.hold(len(piece))
            pieces.append(piece)
            if share.file is not None or share.held > LARGE_BODY:
                await self._keep(pieces, share)
                pieces.clear()
        return share.file or b"".join(pieces)

    async def _keep(self, pieces: Iterable[bytes], share: Share) -> None:
        """Write pieces into the share's file; others get their turn after every little."""
        # Made for what has come and never for what was announced, so that files are as scarce as bytes.
        share.file = file = share.file or Handed(self._spool)
        for piece in pieces:
            for start in range(0, len(piece), PIECE):
                file.write(memoryview(piece)[start : start + PIECE])
                await asyncio.sleep(0)

    def pieces(
        self, receive: Receive, declared: int | None, unpacker: Unpacker, *, table: bool = False
    ) -> AsyncIterator[bytes]:
        """The body's pieces, unpacked, as they arrive. Raises Refused (400, 408, 413)."""
        allowed = self.max_table if table else self.max_body
        if declared is not None and declared > allowed:
            raise _too_large(allowed, f"{declared} bytes were announced")
        most = max(self.max_unpacked, self.max_table if table else 0)
        pace = Pace(self._min_rate, total=self.request_timeout, rated=False)
        return self._pieces(receive, pace, allowed, most, unpacker)

    async def _pieces(
        self,
        receive: Receive,
        pace: Pace,
        allowed: int,
        most: int,
        unpacker: Unpacker,
        begun: _Piece | None = None,
    ) -> AsyncIterator[bytes]:
        """The same of at most ``allowed`` bytes, ``most`` unpacked, where ``begun`` may have come already."""
        received = unpacked = 0
        most = allowed if isinstance(unpacker, Plain) else most
        more = True
        while more:
            piece, more = begun or await self._in_time(receive, pace)
            begun = None
            received += len(piece)
            if received > allowed:
                raise _too_large(allowed, "more was received")
            for part in unpacker.feed(piece):
                unpacked += len(part)
                if unpacked > most:
                    raise _too_large(allowed, f"unpacked, it may hold {most} and holds more")
                pace.rated = unpacked > LARGE_BODY  # a small one is in nobody's way
                yield part
        unpacker.end()

    async def _in_time(self, receive: Receive, pace: Pace) -> _Piece:
        """The next piece, unless the body comes too slowly."""
        try:
            async with pace.waiting():
                piece = await _next(receive)
        except TimeoutError:
            raise (self._late() if pace.over else self._slow()) from None
        pace.earn(len(piece[0]))
        return piece

    def _slow(self) -> Refused:
        detail = f"The body came more slowly than {self._min_rate} bytes a second."
        return Refused("request-timeout", detail, close=True)

    def _late(self) -> Refused:
        detail = f"The body did not arrive within {self.request_timeout:g} seconds."
        return Refused("request-timeout", detail, close=True)


async def _next(receive: Receive) -> _Piece:
    """The next piece as it was received, and whether more come."""
    message = await receive()
    if message["type"] != "http.request":
        raise Refused("bad-request", "The body broke off, or its chunks are malformed.", close=True)
    return message["body"], message["more_body"]


def _too_large(allowed: int, found: str) -> Refused:
    return Refused(
        "body-too-large",
        f"The body may hold {allowed} bytes; {found}. Send the customers in several requests.",
        close=True,
    )


async def linger(receive: Receive) -> None:
    """Read on for a while what a refused client is still sending.

    A connection closed with unread bytes is reset, and the reset can overtake the answer.
    """
    read = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while read <= LINGER_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message["more_body"]:
                    return
                read += len(message["body"])
    except TimeoutError:
        return
