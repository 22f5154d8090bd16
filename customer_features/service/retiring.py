"""How a worker leaves whose place another has taken: it loses no request, and no client sees its connection reset.

The HTTP server closes each connection on which it has read nothing, also where a request lies in the kernel already.
So it is stopped only once nobody is connected: first the worker accepts nobody more, and answers end their connections.
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

from customer_features.service.taking import connected, listening

STARTING, UP, RETIRED = 0, 1, 2
"""What the server and a worker share of its life: it starts, it takes requests, and it is to leave."""

LOOK = 0.05
"""Seconds between two looks at the connections of a worker that leaves."""

PATIENCE = 5.0
"""Seconds that it waits for connections on which nothing is asked; then these are closed."""

SETTLED = 0.05
"""Seconds after the application's start until the HTTP server accepts connections."""


def new_life() -> Any:
    """The value that the server and one worker share."""
    return RawValue("b", STARTING)


def announced(app: ASGIApp, life: Any) -> ASGIApp:
    """``app``, which notes in ``life`` that it is up once the HTTP server takes requests."""

    async def call(scope: Any, receive: Receive, send: Send) -> None:
        async def told(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                # The server runs the loop again only when it listens.
                asyncio.get_running_loop().call_later(SETTLED, setattr, life, "value", UP)

        await app(scope, receive, told if scope["type"] == "lifespan" else send)

    return call


def retire(life: Any, port: int, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until the server says that this worker is to leave; then leave."""
    while life.value != RETIRED:
        sleep(LOOK * 4)
    stop_accepting(port)
    for _ in range(int(PATIENCE / LOOK)):
        # Who was accepted at the last moment is connected by now.
        sleep(LOOK)
        if not connected(port):
            break
    os.kill(os.getpid(), signal.SIGTERM)


def stop_accepting(port: int) -> None:
    """Leave new connections at the port to the worker that has the same socket now.

    The HTTP server has no such call. Without an entry in its epoll it does not hear of new connections; the socket, and
    the connections that wait in it, are the successor's too.
    """
    if sys.platform != "linux":
        return
    for one in listening(port):
        for entry in list(Path("/proc/self/fd").iterdir()):
            with suppress(OSError):
                if str(entry.readlink()) == "anon_inode:[eventpoll]":
                    with select.epoll.fromfd(os.dup(int(entry.name))) as watched:
                        watched.unregister(one.fileno())
