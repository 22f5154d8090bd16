"""What a request may cost while it arrives: bytes as received, bytes unpacked, and seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from litestar.types import Receive

from customer_features.service.encodings import Plain, Unpacker
from customer_features.service.problems import Refused
from customer_features.service.settings import Settings

BODIES_HELD = 4
"""A worker holds at most as many bytes of bodies as this many of the largest."""

LINGER_BYTES = 64 * 1024 * 1024
LINGER_SECONDS = 2.0


class Limits:
    """The limits of one worker, and what is in use of them."""

    def __init__(self, settings: Settings) -> None:
        self.max_body = settings.max_body
        self.max_unpacked = settings.max_body if settings.max_unpacked is None else settings.max_unpacked
        self.max_table = settings.max_body if settings.max_table is None else settings.max_table
        self.request_timeout = settings.request_timeout
        self._held = 0

    @contextmanager
    def holding(self) -> Iterator[list[int]]:
        """Account for a body's bytes; what is added to the list's one number is given back at the end."""
        share = [0]
        try:
            yield share
        finally:
            self._held -= share[0]

    async def read(
        self, receive: Receive, declared: int | None, share: list[int], unpacker: Unpacker | None = None
    ) -> bytes:
        """The request's body, unpacked. Raises Refused (400, 408, 413, 503)."""
        if unpacker is None or isinstance(unpacker, Plain):
            return await self._read(receive, declared, share)
        pieces: list[bytes] = []
        most = BODIES_HELD * max(self.max_body, self.max_unpacked)
        async for piece in self.pieces(receive, declared, unpacker):
            self._hold(piece, share, most)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def _read(self, receive: Receive, declared: int | None, share: list[int]) -> bytes:
        """A body that comes as it is: the most frequent, and without the detour that unpacking takes."""
        if declared is not None and declared > self.max_body:
            raise _too_large(self.max_body, f"{declared} bytes were announced")
        pieces: list[bytes] = []
        most = BODIES_HELD * max(self.max_body, self.max_unpacked)
        try:
            async with asyncio.timeout(self.request_timeout):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Refused("bad-request", "The body broke off, or its chunks are malformed.", close=True)
                    pieces.append(message["body"])
                    self._hold(message["body"], share, most)
                    if share[0] > self.max_body:
                        raise _too_large(self.max_body, "more was received")
                    if not message["more_body"]:
                        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        except TimeoutError:
            raise self._late() from None

    def _hold(self, piece: bytes, share: list[int], most: int) -> None:
        share[0] += len(piece)
        self._held += len(piece)
        if self._held > most:
            raise Refused("overloaded", "Too many large bodies are being received; try again.", close=True)

    async def pieces(
        self, receive: Receive, declared: int | None, unpacker: Unpacker, *, table: bool = False
    ) -> AsyncIterator[bytes]:
        """The body's pieces, unpacked, as they arrive. Raises Refused (400, 408, 413)."""
        allowed = self.max_table if table else self.max_body
        if declared is not None and declared > allowed:
            raise _too_large(allowed, f"{declared} bytes were announced")
        received = unpacked = 0
        most = allowed if isinstance(unpacker, Plain) else max(self.max_unpacked, self.max_table if table else 0)
        ends = asyncio.get_running_loop().time() + self.request_timeout
        more = True
        while more:
            piece, more = await self._next(receive, ends)
            received += len(piece)
            if received > allowed:
                raise _too_large(allowed, "more was received")
            for part in unpacker.feed(piece):
                unpacked += len(part)
                if unpacked > most:
                    raise _too_large(allowed, f"unpacked, it may hold {most} and holds more")
                yield part
        unpacker.end()

    async def _next(self, receive: Receive, ends: float) -> tuple[bytes, bool]:
        """The next piece as it was received, and whether more come."""
        try:
            async with asyncio.timeout_at(ends):
                message = await receive()
        except TimeoutError:
            raise self._late() from None
        if message["type"] != "http.request":
            raise Refused("bad-request", "The body broke off, or its chunks are malformed.", close=True)
        return message["body"], message["more_body"]

    def _late(self) -> Refused:
        detail = f"The body did not arrive within {self.request_timeout:g} seconds."
        return Refused("request-timeout", detail, close=True)


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
