"""An answer must be taken: who asks and does not read holds neither the worker's memory nor a connection for ever.

The HTTP server waits for a reader as long as it likes. So a large answer goes to it in pieces, each of which has its
time, and what the socket holds has the same time from the kernel, which alone sees whether it goes.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseBodyEvent, Message, Receive, Scope, Send

from customer_features.service.bodies.pace import Pace
from customer_features.service.log import LOGGER
from customer_features.service.replies import body_event
from customer_features.service.sockets import accepts, at_port, reset, sockets

PIECE = 64 * 1024
"""Bytes that must be taken in the time; the server keeps up to four of them ready."""

LATER = 2.0
"""Seconds that the kernel waits longer than we do, so that what we can see is in the log."""


def patient(app: ASGIApp, seconds: float, rate: int, busy: set[tuple[str, int]] | None = None) -> ASGIApp:
    """``app``, but a connection is dropped whose reader takes a large answer too slowly.

    Each piece must be taken within ``seconds``, and all of them at ``rate`` bytes a second. ``busy`` holds meanwhile
    the addresses of those who are being answered.
    """
    answering = set() if busy is None else busy

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        client = scope["client"]
        dropped = False
        pace: Pace | None = None  # of an answer that is large

        async def taken(message: Message) -> None:
            nonlocal pace, dropped
            if dropped:
                return  # as the server does where the client left: what more is said goes nowhere
            if message["type"] != "http.response.body" or not (pace or _is_large(message)):
                await send(message)
                return
            pace = pace or Pace(rate, seconds)
            for piece in _pieces(message):
                pace.earn(len(piece["body"]))
                try:
                    async with pace.waiting():
                        await send(piece)
                except TimeoutError:
                    dropped = True
                    LOGGER.warning("an answer was not taken", extra={"fields": {"seconds": seconds, "rate": rate}})
                    if client is not None:
                        await asyncio.to_thread(_drop, client)
                    return

        if client is None:
            await app(scope, receive, taken)
            return
        answering.add(client)
        try:
            await app(scope, receive, taken)
        finally:
            answering.discard(client)

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
    """End this process's connection with a peer."""
    for one in sockets():
        with suppress(OSError):
            if one.getpeername()[:2] == tuple(peer):
                reset(one)


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
    for one in at_port(port):
        with suppress(OSError):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
            listening = listening or accepts(one)
    return listening
