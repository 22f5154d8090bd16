"""How a worker leaves once another has taken its place, without losing a request.

The HTTP server, when it stops, closes every connection on which it has read nothing, even if a request already waits in
the kernel. So a worker stops it only when no client is connected: first it accepts no more connections, and each answer
carries ``Connection: close``.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any

from litestar.types import ASGIApp, Receive, Send

from customer_features.service.sockets import connected, listening

STARTING, UP, RETIRED = 0, 1, 2
"""The values that the server and one worker share: it starts, it takes requests, it is to leave."""

LOOK = 0.05
"""Seconds between two checks of a leaving worker's connections."""

PATIENCE = 5.0
"""Seconds that a leaving worker waits for idle connections before it closes them."""

SETTLED = 0.05
"""Seconds after the application's start until the HTTP server accepts connections."""


def new_life() -> Any:
    """The value that the server and one worker share."""
    return RawValue("b", STARTING)


def announced(app: ASGIApp, life: Any) -> ASGIApp:
    """Wrap ``app`` so that ``life`` says when the HTTP server takes requests."""

    async def call(scope: Any, receive: Receive, send: Send) -> None:
        async def told(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                # The HTTP server runs the event loop again only after it has started to listen.
                asyncio.get_running_loop().call_later(SETTLED, setattr, life, "value", UP)

        await app(scope, receive, told if scope["type"] == "lifespan" else send)

    return call


def retire(life: Any, port: int, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until the server tells this worker to leave, then leave."""
    while life.value != RETIRED:
        sleep(LOOK * 4)
    stop_accepting(port)
    for _ in range(int(PATIENCE / LOOK)):
        # First, so that a connection accepted at the last moment is counted.
        sleep(LOOK)
        if not connected(port):
            break
    os.kill(os.getpid(), signal.SIGTERM)


def stop_accepting(port: int) -> None:
    """Accept no more connections at the port; the successor, which has the same socket, accepts them.

    The HTTP server has no call for this. Once the socket is removed from its epoll, it is not told of new connections.
    """
    if sys.platform != "linux":
        return
    for one in listening(port):
        for entry in list(Path("/proc/self/fd").iterdir()):
            with suppress(OSError):
                if str(entry.readlink()) == "anon_inode:[eventpoll]":
                    with select.epoll.fromfd(os.dup(int(entry.name))) as watched:
                        watched.unregister(one.fileno())
