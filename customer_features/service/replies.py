"""A reply as bytes: status, headers, body; the same few headers on every one of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # doctor looks at the queue of jobs where the service is not installed
    from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, Send

JSON = b"application/json"
PROBLEM = b"application/problem+json"

Headers = tuple[tuple[bytes, bytes], ...]

COMMON: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # Said here, because the server below would otherwise name itself.
    (b"server", b"customer-features"),
)
PIECE = 256 * 1024
"""Bytes of a file that are sent or received at a time."""

CLOSE: Headers = ((b"connection", b"close"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply; ``headers`` stand beside the common ones."""

    status: int
    body: bytes
    media_type: bytes = JSON
    headers: Headers = ()

    def bearing(self, headers: Headers) -> Reply:
        """The same with further headers."""
        return replace(self, headers=self.headers + headers) if headers else self

    def start(self) -> HTTPResponseStartEvent:
        """The ASGI message that opens the reply."""
        return _start(self.status, self.media_type, len(self.body), self.headers)

    async def send(self, send: Send) -> None:
        """Send the whole of it."""
        await send(self.start())
        await send(body_event(self.body, more=False))


@dataclass(frozen=True, slots=True)
class FileReply:
    """A reply whose body is a file: read piece by piece, and as long as it was when the reply began."""

    path: Path
    media_type: bytes
    headers: Headers = ()
    status: int = 200

    def bearing(self, headers: Headers) -> FileReply:
        """The same with further headers."""
        return replace(self, headers=self.headers + headers) if headers else self

    async def send(self, send: Send) -> None:
        """Send the whole of it."""
        loop = asyncio.get_running_loop()
        with self.path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size
            await send(_start(self.status, self.media_type, left, self.headers))
            while left > 0:
                piece = await loop.run_in_executor(None, file.read, min(left, PIECE))
                if not piece:
                    # Another process cut it: the connection breaks off, and the client sees that something is missing.
                    raise OSError("an answer's file ended early")
                left -= len(piece)
                await send(body_event(piece, more=left > 0))
            if self.path.stat().st_size == 0:
                await send(body_event(b"", more=False))


@dataclass(frozen=True, slots=True)
class PiecesReply:
    """A reply of known length whose body ``read`` gives, a start and a size at a time, without waiting for a disk."""

    read: Callable[[int, int], bytes]
    length: int
    media_type: bytes = JSON
    headers: Headers = ()
    status: int = 200

    def bearing(self, headers: Headers) -> PiecesReply:
        """The same with further headers."""
        return replace(self, headers=self.headers + headers) if headers else self

    async def send(self, send: Send) -> None:
        """Send the whole of it; others get their turn between two pieces."""
        await send(_start(self.status, self.media_type, self.length, self.headers))
        sent = 0
        while sent < self.length:
            piece = self.read(sent, min(self.length - sent, PIECE))
            if not piece:
                # Another process cut it: the connection breaks off, and the client sees that something is missing.
                raise OSError("an answer ended early")
            sent += len(piece)
            await send(body_event(piece, more=sent < self.length))
            await asyncio.sleep(0)


def _start(status: int, media_type: bytes, length: int, headers: Headers) -> HTTPResponseStartEvent:
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", media_type), (b"content-length", b"%d" % length), *headers, *COMMON],
    }


def body_event(body: bytes, *, more: bool) -> HTTPResponseBodyEvent:
    """An ASGI message with a piece of a body."""
    return {"type": "http.response.body", "body": body, "more_body": more}
