"""An answer must be taken: who asks and does not read holds neither the worker's memory nor a connection for ever.

The HTTP server waits for a reader as long as it likes. So a large answer goes to it in pieces, each of which has its
time, and what the socket holds has the same time from the kernel, which alone sees whether it goes.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseBodyEvent, Message, Receive, Scope, Send

from customer_features.service.log import LOGGER
from customer_features.service.replies import body_event

PIECE = 64 * 1024
"""Bytes that must be taken in the time; the server keeps up to four of them ready."""

LATER = 2.0
"""Seconds that the kernel waits longer than we do, so that what we can see is in the log."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: what is unsent is thrown away, instead of being offered by the kernel for minutes more."""


def patient(app: ASGIApp, seconds: float) -> ASGIApp:
    """``app``, but each piece of a large answer must be taken within ``seconds``, or the connection is dropped."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        streamed = dropped = False

        async def taken(message: Message) -> None:
            nonlocal streamed, dropped
            if dropped:
                return  # as the server does where the client left: what more is said goes nowhere
            if message["type"] != "http.response.body" or not (streamed or _is_large(message)):
                await send(message)
                return
            streamed = True
            for piece in _pieces(message):
                try:
                    async with asyncio.timeout(seconds):
                        await send(piece)
                except TimeoutError:
                    dropped = True
                    LOGGER.warning("an answer was not taken", extra={"fields": {"seconds": seconds}})
                    if scope["client"] is not None:
                        await asyncio.to_thread(_drop, scope["client"])
                    return

        await app(scope, receive, taken)

    return call


def _is_large(message: HTTPResponseBodyEvent) -> bool:
    return message["more_body"] or len(message["body"]) > PIECE


def _pieces(message: HTTPResponseBodyEvent) -> Iterator[HTTPResponseBodyEvent]:
    """The message as several; the server waits for a reader only between them."""
    body, more = message["body"], message["more_body"]
    if len(body) <= PIECE:
        yield message
        return
    for start in range(0, len(body), PIECE):
        yield body_event(body[start : start + PIECE], more=more or start + PIECE < len(body))


def _drop(peer: tuple[str, int]) -> None:
    """End this process's connection with a peer: the server, which waits on it, lets go of all that it holds."""
    for one in _sockets():
        with suppress(OSError):
            if one.getpeername()[:2] == tuple(peer):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                one.shutdown(socket.SHUT_RDWR)


def limit_silence(port: int, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Have the kernel end a connection whose peer takes nothing for that long; returns once that is arranged.

    Connections inherit it from the socket that this process listens on, once the server has made that one.
    """
    if sys.platform != "linux":
        return  # which alone has the option
    milliseconds, ends = int((seconds + LATER) * 1000), time.monotonic() + 60
    while not _limit(port, milliseconds) and time.monotonic() < ends:
        sleep(0.02)
    # Who came before that socket had the limit inherited none, and may have waited to be accepted.
    sleep(1)
    _limit(port, milliseconds)


def _limit(port: int, milliseconds: int) -> bool:
    """Set the limit on this process's sockets at the port; whether one of them listens."""
    listening = False
    for one in _at(port):
        with suppress(OSError):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
            listening = listening or _accepts(one)
    return listening


def listens(port: int) -> bool:
    """Whether this process accepts connections at the port."""
    return any([True for _ in listening(port)])


def listening(port: int) -> Iterator[socket.socket]:
    """This process's sockets that accept connections at the port, each good until the next is asked for."""
    return (one for one in _at(port) if _accepts(one))


def keep_only(own: int, port: int) -> None:
    """Close what this process inherited of other processes' sockets at the port: theirs end with them alone."""
    for one in _at(port):
        if one.fileno() != own:
            os.close(one.fileno())


def connected(port: int) -> bool:
    """Whether anybody is connected to this process at the port."""
    for one in _at(port):
        with suppress(OSError):
            one.getpeername()
            return True
    return False


def _accepts(one: socket.socket) -> bool:
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _at(port: int) -> Iterator[socket.socket]:
    """This process's sockets at the port, each good until the next is asked for."""
    for one in _sockets():
        with suppress(OSError):
            if one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1] == port:
                yield one


def _sockets() -> Iterator[socket.socket]:
    """This process's sockets, each good until the next is asked for.

    Under the numbers that they have, and never by a second descriptor: to close one, be it of a file that took a
    socket's number just now, would take the locks away by which SQLite keeps the credentials whole (see "How To
    Corrupt An SQLite Database File", 2.2).
    """
    for entry in list(Path("/dev/fd").iterdir()):
        with suppress(OSError), ExitStack() as closing:  # closed meanwhile, or no socket
            one = socket.socket(fileno=int(entry.name))
            closing.callback(one.detach)
            yield one
